import type { EnrichResult, KindStats, ServeState, StageReport, StatsResult } from "../src/protocol";

export function statsOf(changes: Partial<StatsResult> = {}): StatsResult {
  return {
    state: { mode: "on", reason: null, path: "/w/cache/perf_cache.db", shared: null },
    window: "session",
    entries: 2,
    bytes: 2048,
    maxBytes: 536_870_912,
    lookups: 3,
    hitsMemory: 2,
    hitsDisk: 0,
    hitsShared: 0,
    coalesced: 0,
    misses: 1,
    missCauses: { "never seen": 1 },
    bypassed: 0,
    refused: 0,
    refusedShared: 0,
    hitRate: 2 / 3,
    hitMs: { count: 2, p50: 0.04, p95: 0.05, p99: 0.05 },
    missMs: { count: 1, p50: 400, p95: 400, p99: 400 },
    storeMs: null,
    savedMs: 799,
    kinds: [kindOf()],
    models: [{ model: "smollm2:135m", stats: kindOf() }],
    timeline: [],
    engine: { name: "embedded", model: "smollm2:135m", digest: "d", version: "1", baseUrl: null, offline: false },
    engineMessage: null,
    since: 1_700_000_000,
    ...changes,
  };
}

export function kindOf(changes: Partial<KindStats> = {}): KindStats {
  return {
    kind: "stage1_enrichment",
    entries: 2,
    bytes: 2048,
    hits: 2,
    coalesced: 0,
    misses: 1,
    bypassed: 0,
    hitRate: 2 / 3,
    hitMs: { count: 2, p50: 0.04, p95: 0.05, p99: 0.05 },
    missMs: { count: 1, p50: 400, p95: 400, p99: 400 },
    savedMs: 799,
    ...changes,
  };
}

export function proxyOf(changes: Partial<ServeState> = {}): ServeState {
  return {
    running: true,
    url: "http://127.0.0.1:11435",
    shared: false,
    upstream: "http://127.0.0.1:11434",
    engine: "ollama",
    reachable: true,
    policy: "auto",
    hits: 12,
    misses: 3,
    passed: 1,
    savedMs: 3400,
    error: null,
    ...changes,
  };
}

export function stageOf(changes: Partial<StageReport> = {}): StageReport {
  return {
    stage: 1,
    kind: "stage1_enrichment",
    outcome: "hit",
    tier: "memory",
    key: "a".repeat(64),
    lookupMs: 0.1,
    totalMs: 0.2,
    savedMs: 400,
    reason: null,
    ...changes,
  };
}

export function enrichmentOf(changes: Partial<EnrichResult> = {}): EnrichResult {
  return {
    description: null,
    wheel: { primary: "happy", secondary: "grateful", tertiary: "thankful" },
    scores: { happy: 0.8, strong: 0.05, peaceful: 0.05, sad: 0.04, angry: 0.03, fearful: 0.03 },
    confidence: 0.8,
    lowConfidence: false,
    valence: 0.7,
    arousal: 0.4,
    invoked: ["warmth"],
    expressed: ["gratitude"],
    events: ["a quiet morning"],
    warnings: [],
    postEnrichment: null,
    engine: { name: "embedded", model: "smollm2:135m", digest: "d", version: "1", baseUrl: null, offline: false },
    stages: [stageOf(), stageOf({ stage: 2, kind: "stage2_enrichment" })],
    totalMs: 0.4,
    savedMs: 800,
    ...changes,
  };
}
