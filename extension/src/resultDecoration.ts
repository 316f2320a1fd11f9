import {
  type Disposable,
  MarkdownString,
  type Range,
  Range as Span,
  type TextDocument,
  ThemeColor,
  window,
  workspace,
} from "vscode";
import type { EnrichResult } from "./protocol";
import { resultLine } from "./resultLine";
import { escaped } from "./statusText";

interface Shown {
  document: TextDocument;
  range: Range;
  result: EnrichResult;
}

/** The result in one line after the text that was enriched, until that text is edited. */
export class ResultDecoration implements Disposable {
  private readonly type = window.createTextEditorDecorationType({
    after: { margin: "0 0 0 1.5em", color: new ThemeColor("editorCodeLens.foreground"), fontStyle: "italic" },
  });
  private shown: Shown | undefined;
  private readonly subscriptions = [
    this.type,
    workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
      const { shown } = this;
      // An edit further up moves the text away from the range that is remembered.
      const touched = contentChanges.some(({ range }) => shown !== undefined && range.start.isBeforeOrEqual(shown.range.end));
      if (shown?.document === document && touched) {
        this.shown = undefined;
        this.render();
      }
    }),
    window.onDidChangeVisibleTextEditors(() => this.render()),
  ];

  /** Marks `range` of `document` with `result`, in place of what was marked before. */
  show(document: TextDocument, range: Range, result: EnrichResult): void {
    this.shown = { document, range, result };
    this.render();
  }

  dispose(): void {
    this.subscriptions.forEach((subscription) => void subscription.dispose());
  }

  private render(): void {
    for (const editor of window.visibleTextEditors) {
      const mark = this.shown?.document === editor.document ? [decoration(this.shown)] : [];
      editor.setDecorations(this.type, mark);
    }
  }
}

function decoration({ document, range, result }: Shown): { range: Range; hoverMessage: MarkdownString; renderOptions: object } {
  // A selection of whole lines ends at the beginning of the next one, which it does not mean.
  const whole = range.end.character === 0 && range.end.line > range.start.line;
  const { end } = document.lineAt(whole ? range.end.line - 1 : range.end.line).range;
  return {
    range: new Span(end, end),
    hoverMessage: hover(result),
    renderOptions: { after: { contentText: resultLine(result) } },
  };
}

function hover(result: EnrichResult): MarkdownString {
  const poem = result.postEnrichment?.poem.map((line) => `*${escaped(line)}*`).join("  \n");
  const engine = `${result.engine.name} · \`${result.engine.model}\``;
  return new MarkdownString([resultLine(result), poem, engine].filter((part) => part !== undefined).join("\n\n"));
}
