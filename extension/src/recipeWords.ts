import { ago, percent } from "./format";
import type { RecipeInfo, RecipeOrigin } from "./protocol";

/** Where a recipe lies, in words for people. */
export const ORIGINS: Record<RecipeOrigin, string> = {
  workspace: "this workspace",
  user: "your own",
  shipped: "comes with Refrain",
};

/** Whether a recipe is run on a text. */
export function takesText({ variables }: RecipeInfo): boolean {
  return variables.includes("text") || variables.includes("selection");
}

/** What a recipe's stored answers were worth: `67% hits, 5 min ago`. `now` is in seconds since the epoch. */
export function worth({ entries, hits, lastUsedAt }: RecipeInfo, now: number): string {
  if (entries === 0 || lastUsedAt === null) {
    return "nothing stored";
  }
  return `${percent(hits / (hits + entries))} hits, ${ago(lastUsedAt, now)}`;
}

/** The first thing wrong with a recipe: `line 3: unknown key`; undefined for a sound one. */
export function fault({ problems: [first] }: RecipeInfo): string | undefined {
  return first && `line ${first.line}: ${first.key === "" ? "" : `${first.key}: `}${first.message}`;
}
