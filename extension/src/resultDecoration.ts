import {
  type Disposable,
  MarkdownString,
  type Range,
  Range as Span,
  type TextEditor,
  ThemeColor,
  window,
  workspace,
} from "vscode";
import type { EnrichResult } from "./protocol";
import { resultLine } from "./resultLine";
import { escaped } from "./statusText";

/** The result in one line after the text that was enriched, until that text is edited. */
export class ResultDecoration implements Disposable {
  private readonly type = window.createTextEditorDecorationType({
    after: { margin: "0 0 0 1.5em", color: new ThemeColor("editorCodeLens.foreground"), fontStyle: "italic" },
  });
  private shown: { editor: TextEditor; range: Range } | undefined;
  private readonly subscription = workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
    const { editor, range } = this.shown ?? {};
    if (editor?.document === document && range !== undefined && contentChanges.some((change) => change.range.start.isBeforeOrEqual(range.end))) {
      this.clear();
    }
  });

  show(editor: TextEditor, range: Range, result: EnrichResult): void {
    this.clear();
    const line = editor.document.lineAt(range.end.character === 0 && range.end.line > range.start.line ? range.end.line - 1 : range.end.line);
    const anchor = new Span(line.range.end, line.range.end);
    editor.setDecorations(this.type, [
      { range: anchor, hoverMessage: hover(result), renderOptions: { after: { contentText: resultLine(result) } } },
    ]);
    this.shown = { editor, range };
  }

  clear(): void {
    this.shown?.editor.setDecorations(this.type, []);
    this.shown = undefined;
  }

  dispose(): void {
    this.type.dispose();
    this.subscription.dispose();
  }
}

function hover(result: EnrichResult): MarkdownString {
  const poem = result.postEnrichment?.poem.map((line) => `*${escaped(line)}*`).join("  \n");
  const engine = `${result.engine.name} · \`${result.engine.model}\``;
  return new MarkdownString([resultLine(result), poem, engine].filter((part) => part !== undefined).join("\n\n"));
}
