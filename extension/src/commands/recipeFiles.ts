import { Range, Uri, window } from "vscode";
import type { CommandFactory, Context } from "../context";
import { RECIPES, type RecipeInfo } from "../protocol";
import { recipeItems } from "../recipeItems";

/** Asks for a name, makes a recipe to write on, and opens it. */
export const newRecipe: CommandFactory = ({ sidecar, recipes }) => async () => {
  const name = await window.showInputBox({
    title: "New Recipe",
    prompt: "The recipe’s name: letters, digits and dashes",
    placeHolder: "release-notes",
    ignoreFocusOut: true,
  });
  if (name !== undefined && name.trim() !== "") {
    const { written } = await sidecar.request(RECIPES, { new: name.trim() });
    recipes.changed();
    await window.showTextDocument(Uri.file(written ?? ""));
  }
};

/** Opens a recipe's file, where it is wrong if it is. */
export const openRecipe: CommandFactory = (context) => async (named?: unknown) => {
  const recipe = await chosenRecipe(context, named, "Open Recipe");
  if (recipe !== undefined && !(await openAtFault(recipe))) {
    await window.showTextDocument(Uri.file(recipe.path));
  }
};

/**
 * The recipe that a command was called with: its name, from a key binding or a code action, or itself, from the tree.
 * From a menu of the editor's, and from the palette, it is asked for.
 */
export async function chosenRecipe({ recipes }: Context, named: unknown, title: string): Promise<RecipeInfo | undefined> {
  const name = typeof named === "object" && named !== null && "name" in named ? named.name : named;
  const all = recipes.load();
  if (typeof name === "string") {
    const found = (await all).find((recipe) => recipe.name === name);
    if (found === undefined) {
      throw new Error(`There is no recipe “${name}”.`);
    }
    return found;
  }
  const items = all.then((found) => recipeItems(found, Date.now() / 1000));
  const options = { title, placeHolder: "Which recipe?", matchOnDescription: true };
  return (await window.showQuickPick(items, options))?.recipe;
}

/** Opens a broken recipe where it is wrong. Returns whether it is. */
export async function openAtFault({ path, problems: [first] }: RecipeInfo): Promise<boolean> {
  if (first !== undefined) {
    const at = new Range(first.line - 1, 0, first.line - 1, 0);
    await window.showTextDocument(Uri.file(path), { selection: at });
  }
  return first !== undefined;
}
