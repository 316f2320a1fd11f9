import type { ExtensionContext, LogOutputChannel } from "vscode";
import type { EnrichmentView } from "./webviews/enrichment/view";
import type { EntriesTree } from "./entriesTree";
import type { Recipes } from "./recipes";
import type { RecipeView } from "./webviews/recipe/view";
import type { ReportView } from "./webviews/report/view";
import type { Serving } from "./serving";
import type { Sidecar } from "./sidecar";
import type { StatsView } from "./webviews/stats/view";
import type { StatusBar } from "./statusBar";

/** The parts that commands work with. */
export interface Context {
  extension: ExtensionContext;
  log: LogOutputChannel;
  sidecar: Sidecar;
  serving: Serving;
  statusBar: StatusBar;
  stats: StatsView;
  enrichment: EnrichmentView;
  recipe: RecipeView;
  report: ReportView;
  entries: EntriesTree;
  recipes: Recipes;
}

/** Makes a command: what it is given are the arguments VS Code calls it with. */
export type CommandFactory = (context: Context) => (...args: never[]) => unknown;
