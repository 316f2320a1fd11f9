import { commands } from "vscode";
import type { CommandFactory, Context } from "../context";
import { chooseModel } from "./chooseModel";
import { configureMcp } from "./configureMcp";
import { calibrate, cpuThreads } from "./cpuThreads";
import { describeImage } from "./describeImage";
import { doctor } from "./doctor";
import { enrichSelection } from "./enrichSelection";
import { explain, explainNode } from "./explain";
import { fetchModel } from "./fetchModel";
import { openConfig } from "./openConfig";
import { purge, purgeNode } from "./purge";
import { newRecipe, openRecipe } from "./recipeFiles";
import { run } from "./run";
import { runRecipe } from "./runRecipe";
import { serve } from "./serve";
import { warm } from "./warm";

const COMMANDS: Record<string, CommandFactory> = {
  "refrain.showStats": ({ stats }) => () => stats.show(),
  "refrain.purge": purge,
  "refrain.enrichSelection": enrichSelection,
  "refrain.describeImage": describeImage,
  "refrain.runRecipe": runRecipe,
  "refrain.newRecipe": newRecipe,
  "refrain.openRecipe": openRecipe,
  "refrain.cpuThreads": cpuThreads,
  "refrain.calibrate": calibrate,
  "refrain.warm": warm,
  "refrain.explain": explain,
  "refrain.doctor": doctor,
  "refrain.openConfig": openConfig,
  "refrain.chooseModel": chooseModel,
  "refrain.fetchModel": fetchModel,
  "refrain.serve": serve,
  "refrain.configureMcp": configureMcp,
  "refrain.restart": ({ sidecar }) => () => sidecar.restart(),
  "refrain.showLog": ({ log }) => () => log.show(),
  "refrain.entries.refresh": ({ entries }) => () => entries.refresh(),
  "refrain.entries.more": ({ entries }) => (kind: string) => entries.more(kind),
  "refrain.entries.explain": explainNode,
  "refrain.entries.purge": purgeNode,
};

/** Registers every command; each shows what goes wrong in it. */
export function registerCommands(context: Context): void {
  for (const [id, factory] of Object.entries(COMMANDS)) {
    const command = factory(context) as (...args: unknown[]) => unknown;
    context.extension.subscriptions.push(
      commands.registerCommand(id, (...args: unknown[]) => run(context.log, () => command(...args))),
    );
  }
}
