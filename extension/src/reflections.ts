/**
 * The texts of a JSON Lines file of reflections (`normalized_text`, as the worker reads them). Undefined if the text is
 * not such a file: if any line that is not blank is no object with that field.
 */
export function reflections(text: string): string[] | undefined {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  const texts = lines.map(reflection);
  return texts.length > 0 && texts.every((found) => found !== undefined) ? texts : undefined;
}

function reflection(line: string): string | undefined {
  try {
    const value = JSON.parse(line) as unknown;
    const text = (value as { normalized_text?: unknown } | null)?.normalized_text;
    return typeof text === "string" && text.trim() !== "" ? text : undefined;
  } catch {
    return undefined;
  }
}
