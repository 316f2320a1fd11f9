import { CodeAction, CodeActionKind, type CodeActionProvider, type Range, type TextDocument } from "vscode";

const KIND = CodeActionKind.RefactorRewrite.append("refrain");

/** *Enrich selection* on any selection of any file, saved or not. */
export class EnrichAction implements CodeActionProvider {
  static readonly kinds = [KIND];

  provideCodeActions(document: TextDocument, range: Range): CodeAction[] {
    if (range.isEmpty || document.getText(range).trim() === "") {
      return [];
    }
    const action = new CodeAction("Enrich selection", KIND);
    action.command = { command: "refrain.enrichSelection", title: action.title };
    return [action];
  }
}
