import {
  type Disposable,
  EventEmitter,
  type LogOutputChannel,
  MarkdownString,
  ThemeColor,
  ThemeIcon,
  type TreeDataProvider,
  TreeItem,
  type TreeView,
  window,
} from "vscode";
import { count } from "./format";
import type { RecipeInfo } from "./protocol";
import { ICONS } from "./recipeItems";
import type { Recipes } from "./recipes";
import { fault, ORIGINS, worth } from "./recipeWords";
import type { Sidecar } from "./sidecar";
import { escaped } from "./statusText";

/** The recipes and what each was worth. It follows changes only while it is visible. */
export class RecipesTree implements TreeDataProvider<RecipeInfo>, Disposable {
  private readonly changed = new EventEmitter<undefined>();
  private readonly view: TreeView<RecipeInfo>;
  private readonly subscriptions: Disposable[];

  readonly onDidChangeTreeData = this.changed.event;

  constructor(
    sidecar: Sidecar,
    private readonly recipes: Recipes,
    private readonly log: LogOutputChannel,
  ) {
    this.view = window.createTreeView<RecipeInfo>("refrain.recipes", { treeDataProvider: this });
    this.subscriptions = [
      this.view,
      this.changed,
      sidecar.onDidChangeStats(() => this.view.visible && recipes.changed()),
      this.view.onDidChangeVisibility(({ visible }) => visible && recipes.changed()),
      recipes.onDidChange(() => this.changed.fire(undefined)),
    ];
  }

  async getChildren(recipe?: RecipeInfo): Promise<RecipeInfo[]> {
    if (recipe !== undefined) {
      return [];
    }
    try {
      return [...(await this.recipes.all())];
    } catch (error) {
      this.log.warn(`The recipes are not shown: ${String(error)}`);
      return [];
    }
  }

  getTreeItem(recipe: RecipeInfo): TreeItem {
    const now = Date.now() / 1000;
    const wrong = fault(recipe);
    const item = new TreeItem(recipe.name);
    item.id = recipe.path;
    item.description = wrong ?? worth(recipe, now);
    item.contextValue = wrong === undefined ? "recipe" : "brokenRecipe";
    item.iconPath =
      wrong === undefined
        ? new ThemeIcon(ICONS[recipe.origin])
        : new ThemeIcon("error", new ThemeColor("problemsErrorIcon.foreground"));
    item.tooltip = tooltip(recipe, now);
    item.command = { command: "refrain.openRecipe", title: "Open Recipe", arguments: [recipe] };
    item.accessibilityInformation = {
      label: `Recipe ${recipe.name}, ${ORIGINS[recipe.origin]}, ${wrong === undefined ? worth(recipe, now) : `cannot be run, ${wrong}`}`,
    };
    return item;
  }

  dispose(): void {
    this.subscriptions.forEach((subscription) => void subscription.dispose());
  }
}

function tooltip(recipe: RecipeInfo, now: number): MarkdownString {
  const rows: [string, string][] = [
    ["From", ORIGINS[recipe.origin]],
    ["Model", escaped(recipe.model ?? "the one that answers everything else")],
    ["Asks for", escaped(recipe.inputs.map(({ name }) => name).join(", ") || "nothing")],
    ["Stored", count(recipe.entries)],
    ["Played back", `${count(recipe.hits)}×`],
    ["Worth", worth(recipe, now)],
  ];
  const problems = recipe.problems.map(({ line, message }) => `$(error) line ${line}: ${escaped(message)}`);
  const table = ["| | |", "| :-- | :-- |", ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join("\n");
  return new MarkdownString([escaped(recipe.description), ...problems, table].filter((part) => part !== "").join("\n\n"), true);
}
