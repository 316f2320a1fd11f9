import type { QuickPickItem } from "vscode";
import type { RecipeInfo, RecipeOrigin } from "./protocol";
import { fault, ORIGINS, worth } from "./recipeWords";

/** A row where recipes are chosen. */
export interface RecipeItem extends QuickPickItem {
  recipe: RecipeInfo;
}

export const ICONS: Record<RecipeOrigin, string> = { workspace: "root-folder", user: "account", shipped: "package" };

/** The recipes with what they do and where they are from. `now` is in seconds since the epoch. */
export function recipeItems(recipes: readonly RecipeInfo[], now: number): RecipeItem[] {
  return recipes.map((recipe) => {
    const wrong = fault(recipe);
    const asks = recipe.inputs.length > 0 && `asks for ${recipe.inputs.map(({ name }) => name).join(", ")}`;
    const told = [ORIGINS[recipe.origin], recipe.model ?? false, asks, worth(recipe, now)];
    return {
      label: `$(${wrong === undefined ? ICONS[recipe.origin] : "error"}) ${recipe.name}`,
      description: recipe.description,
      detail: wrong ?? told.filter((part) => part !== false).join(" · "),
      recipe,
    };
  });
}
