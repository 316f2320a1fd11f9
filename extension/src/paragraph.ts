/** Lines of a paragraph, first and last included, counted from 0. */
export interface LineRange {
  first: number;
  last: number;
}

/** The paragraph around `line`: the lines next to it that are not blank. Undefined on a blank line. */
export function paragraphAt(lines: readonly string[], line: number): LineRange | undefined {
  const blank = (index: number): boolean => (lines[index] ?? "").trim() === "";
  if (blank(line)) {
    return undefined;
  }
  let first = line;
  let last = line;
  while (first > 0 && !blank(first - 1)) {
    first -= 1;
  }
  while (last < lines.length - 1 && !blank(last + 1)) {
    last += 1;
  }
  return { first, last };
}

/** Every paragraph's text, in order. */
export function paragraphs(text: string): string[] {
  return text
    .split(/\r?\n[^\S\n]*(?:\r?\n[^\S\n]*)+/)
    .map((paragraph) => paragraph.trim())
    .filter((paragraph) => paragraph !== "");
}
