const LONGEST = 240;

/** The beginning of a text on one line, cut at a word. */
export function excerpt(text: string): string {
  const line = text.trim().replace(/\s+/g, " ");
  if (line.length <= LONGEST) {
    return line;
  }
  const cut = line.slice(0, LONGEST);
  const space = cut.lastIndexOf(" ");
  return `${cut.slice(0, space > LONGEST / 2 ? space : LONGEST)}…`;
}
