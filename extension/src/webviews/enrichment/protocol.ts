import type { EnrichResult } from "../../protocol";

/** From the extension to the enrichment panel. `excerpt` is the beginning of the text that was enriched. */
export type ToEnrichment = { type: "result"; result: EnrichResult; excerpt: string };

/** From the enrichment panel to the extension. */
export type FromEnrichment = { type: "ready" } | { type: "again" } | { type: "copy" };
