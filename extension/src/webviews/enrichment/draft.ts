import type { EnrichProgress, EnrichResult } from "../../protocol";

/** The places of a page of Stage 2, in the order in which they are read. */
export const PAGE = { poem: [0, 3], tips: [3, 6], closing: [6, 7] } as const;

/** How an enrichment goes that is not whole. */
export type Unfinished = "writing" | "cancelled" | "failed";

/** A picture that is looked at: what is written of it so far. */
export interface Glance {
  result: null;
  description: string;
  state: Unfinished;
}

/** An enrichment whose Stage 2 is not whole: Stage 1's result, and a line or null for each place of the page. */
export interface Page {
  result: EnrichResult;
  lines: readonly (string | null)[];
  state: Unfinished;
}

export type Draft = Glance | Page;

/** `draft` with what a step of the sidecar's tells; undefined until there is a picture's description or Stage 1. */
export function drafted(draft: Draft | undefined, { phase, result, line, description }: EnrichProgress): Draft | undefined {
  if (result !== null) {
    return { result, lines: new Array<null>(PAGE.closing[1]).fill(null), state: "writing" };
  }
  if (phase === "vision" || description !== null) {
    return { result, description: description ?? "", state: "writing" };
  }
  return draft?.result && line !== null ? { ...draft, lines: draft.lines.with(line.place, line.text) } : draft;
}
