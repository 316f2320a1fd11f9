import { randomUUID } from "node:crypto";
import { CancellationTokenSource, window, workspace } from "vscode";
import type { CommandFactory, Context } from "../context";
import { Paced } from "../paced";
import { Passage } from "../passage";
import { problemOf } from "../problem";
import { type RecipeInfo, RUN } from "../protocol";
import { begun, ended, failed, stopped, written } from "../webviews/recipe/answer";
import { chosenRecipe, openAtFault } from "./recipeFiles";
import { cancelled, run } from "./run";

/** Of what is written, as often as it can be read along. */
const PACE_MS = 50;

/** What a recipe is run on. */
interface Job {
  recipe: RecipeInfo;
  inputs: Record<string, string>;
  passage: Passage | undefined;
}

/** Runs a recipe on the selection, or on the whole text, and shows the answer beside it as it is written. */
export const runRecipe: CommandFactory = (context) => async (named?: unknown) => {
  const editor = window.activeTextEditor;
  const recipe = await chosenRecipe(context, named, "Run Recipe");
  if (recipe === undefined || (await openAtFault(recipe))) {
    return;
  }
  const inputs = await asked(recipe);
  if (inputs !== undefined) {
    // What is run is what the file says.
    await workspace.textDocuments.find(({ fileName, isDirty }) => isDirty && fileName === recipe.path)?.save();
    await go(context, { recipe, inputs, passage: editor && Passage.in(editor) }, false);
  }
};

/** What the recipe asks for, by name; undefined when the user left. */
async function asked({ name: title, inputs }: RecipeInfo): Promise<Record<string, string> | undefined> {
  const given: Record<string, string> = {};
  for (const { name, hint } of inputs) {
    const value = await window.showInputBox({ title, prompt: hint === "" ? name : `${name}: ${hint}`, ignoreFocusOut: true });
    if (value === undefined) {
      return undefined;
    }
    given[name] = value;
  }
  return given;
}

async function go(context: Context, job: Job, fresh: boolean): Promise<void> {
  const { recipe, inputs, passage } = job;
  const { sidecar, statusBar, log } = context;
  const requestId = randomUUID();
  const cancelling = new CancellationTokenSource();
  let answer = begun(recipe.name, passage?.text ?? "", passage !== undefined && !passage.whole, passage !== undefined);
  const show = context.recipe.begin({
    passage,
    again: () => void run(log, () => go(context, job, true)),
    cancel: () => cancelling.cancel(),
  });
  show(answer);
  const paced = new Paced(PACE_MS, () => show(answer));
  const following = sidecar.onRunProgress((step) => {
    if (step.requestId === requestId) {
      answer = written(answer, step.text);
      paced.ask();
    }
  });
  const idle = statusBar.busy();
  try {
    const { text = null, whole = false, file = null } = passage ?? {};
    const params = { recipe: recipe.name, inputs, text, whole, file, fresh, requestId };
    show(ended(answer, await sidecar.request(RUN, params, cancelling.token)));
  } catch (error) {
    show(cancelled(error) ? stopped(answer) : failed(answer, problemOf(error)));
  } finally {
    following.dispose();
    paced.dispose();
    cancelling.dispose();
    idle();
  }
}
