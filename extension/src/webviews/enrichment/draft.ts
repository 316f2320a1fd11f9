import type { EnrichProgress, EnrichResult } from "../../protocol";

/** The places of a page of Stage 2, in the order in which they are read. */
export const PAGE = { poem: [0, 3], tips: [3, 6], closing: [6, 7] } as const;

/** An enrichment whose Stage 2 is not whole: Stage 1's result, and a line or null for each place of the page. */
export interface Draft {
  result: EnrichResult;
  lines: readonly (string | null)[];
  state: "writing" | "cancelled" | "failed";
}

/** `draft` with what a step of the sidecar's tells; undefined until Stage 1 is there. */
export function drafted(draft: Draft | undefined, { result, line }: EnrichProgress): Draft | undefined {
  if (result !== null) {
    return { result, lines: new Array<null>(PAGE.closing[1]).fill(null), state: "writing" };
  }
  return draft && line !== null ? { ...draft, lines: draft.lines.with(line.place, line.text) } : draft;
}
