import type { ServeState, StatsResult, StatsWindow } from "../../protocol";

/** From the extension to the stats panel. */
export type ToStats =
  | { type: "stats"; stats: StatsResult; proxy: ServeState | undefined }
  | { type: "problem"; message: string; remedies: string[] };

/** From the stats panel to the extension. */
export type FromStats =
  | { type: "ready" }
  | { type: "window"; window: StatsWindow }
  /** The button of that place under the problem was pressed. */
  | { type: "remedy"; index: number }
  | { type: "command"; command: "refrain.purge" | "refrain.explain" | "refrain.serve" | "refrain.openConfig" };
