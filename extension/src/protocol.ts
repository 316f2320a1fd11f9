// Mirrors sidecar/refrain_sidecar/protocol/, and what the cache library says there, declaration by declaration;
// tests/unit/protocol/test_protocol_contract.py compares the two.
//
// Durations are milliseconds, sizes are bytes, moments are seconds since the Unix epoch, rates are 0..1, unless the
// Python file says otherwise. A field with a default there is optional here.

export type CacheMode = "on" | "off" | "bypass";
export type CheckStatus = "ok" | "warn" | "fail";
export type EngineName = "ollama" | "embedded";
export type EntryOrder = "recent" | "created" | "used" | "size" | "cost";
export type McpFile = ".mcp.json" | ".cursor/mcp.json" | ".vscode/mcp.json";
export type OutcomeName = "hit" | "coalesced" | "miss" | "bypass" | "refused";
export type RecipeOrigin = "workspace" | "user" | "shipped";
export type ServeAction = "start" | "stop" | "state";
export type StatsWindow = "session" | "hour" | "day" | "all";
export type Tier = "memory" | "disk" | "shared";

export const ENRICH = "refrain/enrich";
export const STATS = "refrain/stats";
export const PURGE = "refrain/purge";
export const WARM = "refrain/warm";
export const CPU_THREADS = "refrain/cpuThreads";
export const ENTRIES = "refrain/entries";
export const EXPLAIN = "refrain/explain";
export const DOCTOR = "refrain/doctor";
export const MODELS = "refrain/models";
export const SERVE = "refrain/serve";
export const RECIPES = "refrain/recipes";
export const RUN = "refrain/run";
export const MCP = "refrain/mcp";
export const STATS_CHANGED = "refrain/statsChanged";
export const SERVE_CHANGED = "refrain/serveChanged";
export const ENRICH_PROGRESS = "refrain/enrichProgress";
export const RUN_PROGRESS = "refrain/runProgress";
export const SERVER_COMMAND_PREFIX = "refrain.server.";
export const ENGINE_ERROR = 1001;
export const INPUT_ERROR = 1002;
export const CONFIG_ERROR = 1003;

export interface EnrichParams {
  text: string;
  timestamp?: string | null;
  stage2?: boolean;
  fresh?: boolean;
  requestId?: string | null;
  image?: string | null;
}

export interface Wheel {
  primary: string;
  secondary: string;
  tertiary: string;
}

export interface PostEnrichment {
  poem: string[];
  tips: string[];
  closing: string;
  tone: string;
}

export interface EngineInfo {
  name: EngineName;
  model: string;
  digest: string;
  version: string;
  baseUrl: string | null;
  offline: boolean;
}

export interface StageReport {
  stage: number;
  kind: string;
  outcome: OutcomeName;
  tier: Tier | null;
  key: string;
  lookupMs: number;
  totalMs: number;
  savedMs: number;
  reason: string | null;
}

export interface EnrichResult {
  description: string | null;
  wheel: Wheel;
  scores: Record<string, number>;
  confidence: number;
  lowConfidence: boolean;
  valence: number;
  arousal: number;
  invoked: string[];
  expressed: string[];
  events: string[];
  warnings: string[];
  postEnrichment: PostEnrichment | null;
  engine: EngineInfo;
  stages: StageReport[];
  totalMs: number;
  savedMs: number;
}

export interface StatsParams {
  window?: StatsWindow;
}

export interface SharedState {
  url: string;
  reason: string | null;
}

export interface CacheState {
  mode: CacheMode;
  reason: string | null;
  path: string | null;
  shared: SharedState | null;
}

export interface Percentiles {
  count: number;
  p50: number;
  p95: number;
  p99: number;
}

export interface KindStats {
  kind: string;
  entries: number;
  bytes: number;
  hits: number;
  coalesced: number;
  misses: number;
  bypassed: number;
  hitRate: number | null;
  hitMs: Percentiles | null;
  missMs: Percentiles | null;
  savedMs: number;
}

export interface ModelStats {
  model: string;
  stats: KindStats;
}

export interface TimelinePoint {
  at: number;
  hits: number;
  misses: number;
  savedMs: number;
}

export interface StatsResult {
  state: CacheState;
  window: StatsWindow;
  entries: number;
  bytes: number;
  maxBytes: number;
  lookups: number;
  hitsMemory: number;
  hitsDisk: number;
  hitsShared: number;
  coalesced: number;
  misses: number;
  missCauses: Record<string, number>;
  bypassed: number;
  refused: number;
  refusedShared: number;
  hitRate: number | null;
  hitMs: Percentiles | null;
  missMs: Percentiles | null;
  storeMs: Percentiles | null;
  savedMs: number;
  kinds: KindStats[];
  models: ModelStats[];
  timeline: TimelinePoint[];
  since: number;
  engine: EngineInfo | null;
  engineMessage: string | null;
}

export interface PurgeParams {
  everything?: boolean;
  expired?: boolean;
  kind?: string | null;
  model?: string | null;
  olderThanS?: number | null;
  leastUsed?: number | null;
  keyPrefix?: string | null;
  shared?: boolean;
  dryRun?: boolean;
}

export interface PurgeResult {
  entries: number;
  bytes: number;
  shared: number;
  dryRun: boolean;
}

export interface WarmParams {
  texts?: string[];
  feelings?: string[];
  common?: boolean;
  requestId?: string | null;
}

export interface WarmResult {
  requested: number;
  computed: number;
  alreadyCached: number;
  failed: number;
  errors: string[];
  totalMs: number;
}

export interface KeptCalibration {
  threads: number;
  engine: EngineName;
  model: string;
  measuredAt: number;
  doubt: string | null;
}

export interface CpuThreadsResult {
  cpuModel: string;
  logical: number;
  physical: number;
  performanceCores: number;
  efficiencyCores: number;
  affinity: number;
  containerCpus: number | null;
  loadPercent: number;
  configured: number | null;
  advised: number;
  inForce: number;
  reason: string;
  calibration: KeptCalibration | null;
}

export interface EntriesParams {
  kind?: string | null;
  order?: EntryOrder;
  limit?: number;
  offset?: number;
}

export interface Entry {
  key: string;
  kind: string;
  model: string;
  label: string;
  bytes: number;
  createdAt: number;
  lastUsedAt: number;
  expiresAt: number | null;
  uses: number;
  costMs: number;
  savedMs: number;
}

export interface EntryPage {
  total: number;
  entries: Entry[];
}

export interface ExplainParams {
  text?: string | null;
  timestamp?: string | null;
  key?: string | null;
  recipe?: string | null;
  file?: string | null;
  inputs?: Record<string, string>;
}

export interface Difference {
  ingredient: string;
  stored: string;
  now: string;
}

export interface Explanation {
  key: string | null;
  kind: string | null;
  wouldHit: boolean;
  cause: string;
  summary: string;
  nearest: string | null;
  differences: Difference[];
}

export interface Check {
  name: string;
  status: CheckStatus;
  message: string;
  fix: string | null;
}

export interface DoctorResult {
  checks: Check[];
}

export interface ModelsParams {
  use?: string | null;
}

export interface ModelOffer {
  engine: EngineName;
  name: string;
  digest: string;
  bytes: number;
  loaded: boolean;
  installed: boolean;
  inUse: boolean;
}

export interface ModelsResult {
  models: ModelOffer[];
  chosen: string;
  problem: string | null;
  written: string | null;
}

export interface ServeParams {
  action?: ServeAction;
}

export interface ServeState {
  running: boolean;
  url: string | null;
  shared: boolean;
  upstream: string | null;
  engine: string | null;
  reachable: boolean;
  policy: string;
  hits: number;
  misses: number;
  passed: number;
  savedMs: number;
  error: string | null;
}

export interface RecipesParams {
  new?: string | null;
}

export interface RecipeInput {
  name: string;
  hint: string;
}

export interface RecipeProblem {
  line: number;
  key: string;
  message: string;
}

export interface RecipeInfo {
  name: string;
  path: string;
  origin: RecipeOrigin;
  description: string;
  argumentHint: string;
  model: string | null;
  json: boolean;
  variables: string[];
  inputs: RecipeInput[];
  problems: RecipeProblem[];
  entries: number;
  hits: number;
  lastUsedAt: number | null;
}

export interface RecipesResult {
  recipes: RecipeInfo[];
  written: string | null;
}

export interface RunParams {
  recipe: string;
  text?: string | null;
  file?: string | null;
  inputs?: Record<string, string>;
  whole?: boolean;
  fresh?: boolean;
  requestId?: string | null;
}

export interface RunResult {
  recipe: string;
  output: unknown;
  engine: EngineInfo;
  kind: string;
  outcome: OutcomeName;
  tier: Tier | null;
  key: string;
  lookupMs: number;
  totalMs: number;
  savedMs: number;
  reason: string | null;
}

export interface McpParams {
  folder: string;
  file?: McpFile | null;
}

export interface McpResult {
  installed: boolean;
  command: string;
  args: string[];
  env: Record<string, string>;
  written: string | null;
}

export interface WrittenLine {
  place: number;
  text: string;
}

export interface EnrichProgress {
  requestId: string;
  phase: "vision" | "stage1" | "stage2" | "warm";
  message: string;
  result: EnrichResult | null;
  line: WrittenLine | null;
  description: string | null;
}

export interface RunProgress {
  requestId: string;
  text: string;
}
