import type { Context } from "../context";
import { ENRICH, type EnrichParams, type EnrichResult } from "../protocol";
import { type Draft, drafted } from "../webviews/enrichment/draft";
import { cancelled, run } from "./run";
import { withProgress } from "./withProgress";

/**
 * Enriches what `params` say, and shows in the panel how far that has come, under `title`: the text, or a picture's name.
 * `again` does it afresh.
 */
export async function enriching(
  context: Context,
  title: string,
  params: EnrichParams,
  again: () => Promise<void>,
): Promise<EnrichResult> {
  const show = context.enrichment.begin(title, () => void run(context.log, again));
  // Local time without a zone: only the phase of day counts.
  const timestamp = localTime(new Date());
  let draft: Draft | undefined;
  try {
    const result = await withProgress(
      context,
      "Enriching…",
      (requestId, token) => context.sidecar.request(ENRICH, { ...params, timestamp, requestId }, token),
      (step, cancel) => {
        draft = drafted(draft, step);
        return draft !== undefined && show(draft, cancel);
      },
    );
    show({ result, state: "whole" });
    return result;
  } catch (error) {
    if (draft !== undefined) {
      show({ ...draft, state: cancelled(error) ? "cancelled" : "failed" });
    }
    throw error;
  }
}

function localTime(now: Date): string {
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
