import type { EnrichResult } from "../../protocol";
import type { Draft } from "./draft";

/** An enrichment as the panel shows it: whole, or as far as it has come. */
export type Shown = Draft | { result: EnrichResult; state: "whole" };

/** From the extension to the enrichment panel. `excerpt` is the beginning of the text that was enriched, or a picture's name. */
export type ToEnrichment = { type: "shown"; shown: Shown; excerpt: string };

/** From the enrichment panel to the extension. */
export type FromEnrichment = { type: "ready" } | { type: "again" } | { type: "cancel" } | { type: "copy" };
