import type { Answer } from "./answer";

/** From the extension to the recipe panel. */
export type ToRecipe = { type: "answer"; answer: Answer };

/** From the recipe panel to the extension. `remedy` is the place of one among those of the problem. */
export type FromRecipe =
  | { type: "ready" }
  | { type: "replace" }
  | { type: "insert" }
  | { type: "copy" }
  | { type: "again" }
  | { type: "cancel" }
  | { type: "remedy"; at: number };
