import { CodeAction, CodeActionKind, type CodeActionProvider, type Range, type TextDocument } from "vscode";
import { fault, takesText } from "./recipeWords";
import type { Recipes } from "./recipes";

const KIND = CodeActionKind.RefactorRewrite.append("refrain");

/** *Enrich selection*, and every recipe that can be run on a text, on any selection of any file, saved or not. */
export class SelectionActions implements CodeActionProvider {
  static readonly kinds = [KIND];

  constructor(private readonly recipes: Recipes) {}

  async provideCodeActions(document: TextDocument, range: Range): Promise<CodeAction[]> {
    if (range.isEmpty || document.getText(range).trim() === "") {
      return [];
    }
    // That there are no recipes to be had is said where they are listed.
    const recipes = await this.recipes.all().catch(() => []);
    return [
      action("Enrich selection", "refrain.enrichSelection"),
      ...recipes
        .filter((recipe) => fault(recipe) === undefined && takesText(recipe))
        .map(({ name }) => action(`Run recipe: ${name}`, "refrain.runRecipe", name)),
    ];
  }
}

function action(title: string, command: string, ...args: string[]): CodeAction {
  const made = new CodeAction(title, KIND);
  made.command = { command, title, arguments: args };
  return made;
}
