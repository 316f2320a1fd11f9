import { Range, type TextDocument, type TextEditor, window } from "vscode";
import type { CommandFactory } from "../context";
import { paragraphAt } from "../paragraph";
import { ENRICH } from "../protocol";
import { ResultDecoration } from "../resultDecoration";
import { type Draft, drafted } from "../webviews/enrichment/draft";
import { cancelled, run } from "./run";
import { withProgress } from "./withProgress";

/** What is enriched. The text is kept as it was: the document may change meanwhile. */
interface Passage {
  document: TextDocument;
  range: Range;
  text: string;
}

/** Enriches the selection, or the paragraph at the cursor, and shows the result beside it. */
export const enrichSelection: CommandFactory = (context) => {
  const decoration = new ResultDecoration();
  context.extension.subscriptions.push(decoration);

  const enrich = async ({ document, range, text }: Passage, fresh: boolean): Promise<void> => {
    const show = context.enrichment.begin(text, () => void run(context.log, () => enrich({ document, range, text }, true)));
    // Local time without a zone: only the phase of day counts.
    const timestamp = localTime(new Date());
    let draft: Draft | undefined;
    try {
      const result = await withProgress(
        context,
        "Enriching…",
        (requestId, token) => context.sidecar.request(ENRICH, { text, fresh, timestamp, requestId }, token),
        (step, cancel) => {
          draft = drafted(draft, step);
          return draft !== undefined && show(draft, cancel);
        },
      );
      if (document.getText(range) === text) {
        decoration.show(document, range, result);
      }
      show({ result, state: "whole" });
    } catch (error) {
      if (draft !== undefined) {
        show({ ...draft, state: cancelled(error) ? "cancelled" : "failed" });
      }
      throw error;
    }
  };

  return async () => {
    const editor = window.activeTextEditor;
    const range = editor && chosen(editor);
    if (editor === undefined || range === undefined) {
      void window.showInformationMessage("Select some text to enrich, or put the cursor into a paragraph.");
      return;
    }
    const { document } = editor;
    await enrich({ document, range, text: document.getText(range) }, false);
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

function localTime(now: Date): string {
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
