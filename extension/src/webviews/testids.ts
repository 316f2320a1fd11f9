/**
 * What the end-to-end tests look for: `data-testid` in the webviews. A stable part of the panels; numbers carry their
 * raw value in `data-value` beside the formatted text.
 */
export const STATS_IDS = {
  panel: "stats-panel",
  state: "stats-state",
  engine: "stats-engine",
  problem: "stats-problem",
  /** One of `stats-window-session`, `-hour`, `-day`, `-all`; the chosen one has aria-pressed="true". */
  window: (name: string): string => `stats-window-${name}`,
  hitRate: "stats-hit-rate",
  hits: "stats-hits",
  misses: "stats-misses",
  entries: "stats-entries",
  bytes: "stats-bytes",
  saved: "stats-saved",
  lookups: "stats-lookups",
  hitsMemory: "stats-hits-memory",
  hitsDisk: "stats-hits-disk",
  hitsShared: "stats-hits-shared",
  refusedShared: "stats-refused-shared",
  coalesced: "stats-coalesced",
  bypassed: "stats-bypassed",
  refused: "stats-refused",
  missCause: (cause: string): string => `stats-miss-cause-${cause.replace(/\W+/g, "-")}`,
  chart: "stats-chart",
  chartTable: "stats-chart-table",
  /** The legend's patch of the colour that hits or misses have. */
  swatch: (outcome: "hit" | "miss"): string => `stats-swatch-${outcome}`,
  kinds: "stats-kinds",
  /** A row of the table of kinds; its cells are `…-entries`, `-hits`, `-misses`, `-rate`, `-p50`, `-p95`, `-p99`, `-saved`. */
  kind: (kind: string): string => `stats-kind-${kind}`,
  proxyAddress: "stats-proxy-address",
  proxyUpstream: "stats-proxy-upstream",
  proxyHits: "stats-proxy-hits",
  proxyMisses: "stats-proxy-misses",
  proxyPassed: "stats-proxy-passed",
  proxySaved: "stats-proxy-saved",
  serve: "stats-serve",
  purge: "stats-purge",
  explain: "stats-explain",
} as const;

export const ENRICHMENT_IDS = {
  panel: "enrichment-panel",
  /** What was seen in a picture. */
  description: "enrichment-description",
  primary: "enrichment-primary",
  secondary: "enrichment-secondary",
  tertiary: "enrichment-tertiary",
  confidence: "enrichment-confidence",
  engine: "enrichment-engine",
  total: "enrichment-total",
  saved: "enrichment-saved",
  /** `enrichment-stage-0` (the picture), `-1`, `-2`: HIT (memory), MISS …; its time is `…-ms`. */
  stage: (stage: number): string => `enrichment-stage-${stage}`,
  score: (feeling: string): string => `enrichment-score-${feeling}`,
  invoked: "enrichment-invoked",
  expressed: "enrichment-expressed",
  events: "enrichment-events",
  poem: "enrichment-poem",
  tips: "enrichment-tips",
  closing: "enrichment-closing",
  again: "enrichment-again",
  copy: "enrichment-copy",
  cancel: "enrichment-cancel",
} as const;

export const RECIPE_IDS = {
  panel: "recipe-panel",
  recipe: "recipe-name",
  outcome: "recipe-outcome",
  total: "recipe-total",
  engine: "recipe-engine",
  saved: "recipe-saved",
  problem: "recipe-problem",
  answer: "recipe-answer",
  replace: "recipe-replace",
  insert: "recipe-insert",
  copy: "recipe-copy",
  again: "recipe-again",
  cancel: "recipe-cancel",
} as const;

export const REPORT_IDS = {
  panel: "report-panel",
  title: "report-title",
  lead: "report-lead",
  /** A value of the report by its key, for one `report-logical`, `report-physical`, `report-advised`. */
  value: (key: string): string => `report-${key}`,
  action: (command: string): string => `report-action-${command.replace(/\W+/g, "-")}`,
} as const;
