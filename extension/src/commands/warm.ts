import { type QuickPickItem, type TextDocument, window } from "vscode";
import type { CommandFactory, Context } from "../context";
import { count, duration } from "../format";
import { paragraphs } from "../paragraph";
import { WARM, type WarmParams, type WarmResult } from "../protocol";
import { reflections } from "../reflections";
import { withProgress } from "./withProgress";

interface WarmItem extends QuickPickItem {
  params: WarmParams;
}

/** Computes answers before they are asked for: common feelings, or the texts of the current file. */
export const warm: CommandFactory = (context) => async () => {
  const chosen = await window.showQuickPick(items(window.activeTextEditor?.document), {
    title: "Warm Cache",
    placeHolder: "What is to be computed ahead of time?",
  });
  if (chosen !== undefined) {
    const result = await withProgress(context, "Warming the cache…", (requestId, token) =>
      context.sidecar.request(WARM, { ...chosen.params, requestId }, token),
    );
    await tell(context, result);
  }
};

function items(document: TextDocument | undefined): WarmItem[] {
  const common: WarmItem = {
    label: "$(heart) Common feelings",
    description: "Stage 2 for the feelings people write about most",
    params: { common: true },
  };
  const text = document?.getText() ?? "";
  const lines = reflections(text);
  const texts = lines ?? paragraphs(text);
  if (texts.length === 0) {
    return [common];
  }
  const what = lines === undefined ? "Paragraphs of this file" : "Reflections of this file";
  return [common, { label: `$(file-text) ${what}`, description: `${count(texts.length)}, both stages`, params: { texts } }];
}

async function tell({ log }: Context, result: WarmResult): Promise<void> {
  const summary = `Warmed ${count(result.requested)}: ${count(result.computed)} computed, ${count(result.alreadyCached)} cached already, ${count(result.failed)} failed, in ${duration(result.totalMs)}.`;
  if (result.failed === 0) {
    void window.showInformationMessage(summary);
    return;
  }
  result.errors.forEach((error) => log.error(`Warming: ${error}`));
  if ((await window.showWarningMessage(`${summary} ${result.errors[0] ?? ""}`, "Show Log")) === "Show Log") {
    log.show();
  }
}
