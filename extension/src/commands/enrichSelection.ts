import { randomUUID } from "node:crypto";
import { type CancellationToken, ProgressLocation, Range, type TextEditor, window } from "vscode";
import type { CommandFactory, Context } from "../context";
import { paragraphAt } from "../paragraph";
import { ENRICH, type EnrichResult } from "../protocol";
import { ResultDecoration } from "../resultDecoration";
import { run } from "./run";

/** Enriches the selection, or the paragraph at the cursor, and shows the result beside it. */
export const enrichSelection: CommandFactory = (context) => {
  const decoration = new ResultDecoration();
  context.extension.subscriptions.push(decoration);

  const enrich = async (editor: TextEditor, range: Range, fresh: boolean): Promise<void> => {
    const text = editor.document.getText(range);
    const result = await withProgress(context, text, fresh);
    decoration.show(editor, range, result);
    context.enrichment.show(result, text, () => void run(context.log, () => enrich(editor, range, true)));
  };

  return async () => {
    const editor = window.activeTextEditor;
    const range = editor === undefined ? undefined : chosen(editor);
    if (editor === undefined || range === undefined) {
      void window.showInformationMessage("Select some text to enrich, or put the cursor into a paragraph.");
      return;
    }
    await enrich(editor, range, false);
  };
};

function chosen(editor: TextEditor): Range | undefined {
  const { document, selection } = editor;
  if (!selection.isEmpty) {
    return document.getText(selection).trim() === "" ? undefined : selection;
  }
  const lines = document.getText().split(/\r\n|\n/);
  const found = paragraphAt(lines, selection.active.line);
  return found && new Range(found.first, 0, found.last, lines[found.last]?.length ?? 0);
}

function withProgress(context: Context, text: string, fresh: boolean): Thenable<EnrichResult> {
  const requestId = randomUUID();
  const options = { location: ProgressLocation.Notification, title: "Refrain", cancellable: true };
  return window.withProgress(options, async (progress, token: CancellationToken) => {
    progress.report({ message: "Enriching…" });
    const idle = context.statusBar.busy();
    const following = context.sidecar.onProgress(
      (step) => step.requestId === requestId && progress.report({ message: step.message }),
    );
    try {
      // Local time without a zone: only the phase of day counts.
      const timestamp = localTime(new Date());
      return await context.sidecar.request(ENRICH, { text, fresh, timestamp, requestId }, token);
    } finally {
      following.dispose();
      idle();
    }
  });
}

function localTime(now: Date): string {
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
