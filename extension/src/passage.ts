import { Range, type TextDocument, type TextEditor, window, workspace, WorkspaceEdit } from "vscode";

/** A text that a recipe is run on, kept as it was then, and where what comes of it can go. */
export class Passage {
  /** What stands in its place now: the text, or what was put there. */
  private current: string;

  private constructor(
    private document: TextDocument,
    private range: Range,
    readonly text: string,
    /** Nothing is selected: the text is the whole document's. */
    readonly whole: boolean,
  ) {
    this.current = text;
  }

  /** The selection of an editor, else all of its text. */
  static in({ document, selection }: TextEditor): Passage {
    const whole = selection.isEmpty;
    const all = new Range(0, 0, document.lineCount, 0);
    const range = whole ? document.validateRange(all) : new Range(selection.start, selection.end);
    return new Passage(document, range, document.getText(range), whole);
  }

  /** The path of the file it is from, or null where it is from none. */
  get file(): string | null {
    return this.document.uri.scheme === "file" ? this.document.fileName : null;
  }

  /** Puts `answer` in its place. Throws when it is not there any more. */
  async replace(answer: string): Promise<void> {
    this.range = await this.edit(this.range, answer);
    this.current = this.document.getText(this.range);
  }

  /** Puts `answer` under it, after an empty line. Throws when it is not there any more. */
  async insertBelow(answer: string): Promise<void> {
    // A selection of whole lines ends at the beginning of the next one, which it does not mean.
    const { start, end } = this.range;
    const line = end.character === 0 && end.line > start.line && !this.whole ? end.line - 1 : end.line;
    const at = this.document.lineAt(this.document.validatePosition(end.with(line)).line).range.end;
    await this.edit(new Range(at, at), `\n\n${answer}`);
  }

  private async edit(range: Range, text: string): Promise<Range> {
    // One that was closed meanwhile is opened again.
    const document = (this.document = await workspace.openTextDocument(this.document.uri));
    if (document.getText(this.range) !== this.current) {
      throw new Error("The text has changed since the recipe was run on it, so nothing was put there. Copy the answer instead.");
    }
    const edit = new WorkspaceEdit();
    edit.replace(document.uri, range, text);
    if (!(await workspace.applyEdit(edit))) {
      throw new Error(`${document.fileName} cannot be edited.`);
    }
    const lines = text.split(/\r\n|\r|\n/);
    const last = lines.at(-1)?.length ?? 0;
    const end = { line: range.start.line + lines.length - 1, character: lines.length > 1 ? last : range.start.character + last };
    const put = new Range(range.start.line, range.start.character, end.line, end.character);
    const shown = window.visibleTextEditors.find((editor) => editor.document === document);
    await window.showTextDocument(document, { ...(shown?.viewColumn && { viewColumn: shown.viewColumn }), selection: put });
    return put;
  }
}
