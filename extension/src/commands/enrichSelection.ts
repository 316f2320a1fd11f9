import { Range, type TextDocument, type TextEditor, window } from "vscode";
import type { CommandFactory } from "../context";
import { paragraphAt } from "../paragraph";
import { ResultDecoration } from "../resultDecoration";
import { enriching } from "./enriching";

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
    const result = await enriching(context, text, { text, fresh }, () => enrich({ document, range, text }, true));
    if (document.getText(range) === text) {
      decoration.show(document, range, result);
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
