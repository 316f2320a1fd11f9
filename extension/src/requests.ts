import type * as protocol from "./protocol";

/** What each request of the sidecar takes and gives, by its method name. */
export interface Requests {
  "refrain/enrich": { params: protocol.EnrichParams; result: protocol.EnrichResult };
  "refrain/stats": { params: protocol.StatsParams; result: protocol.StatsResult };
  "refrain/purge": { params: protocol.PurgeParams; result: protocol.PurgeResult };
  "refrain/warm": { params: protocol.WarmParams; result: protocol.WarmResult };
  "refrain/cpuThreads": { params: Record<string, never>; result: protocol.CpuThreadsResult };
  "refrain/entries": { params: protocol.EntriesParams; result: protocol.EntryPage };
  "refrain/explain": { params: protocol.ExplainParams; result: protocol.Explanation };
  "refrain/doctor": { params: Record<string, never>; result: protocol.DoctorResult };
  "refrain/models": { params: protocol.ModelsParams; result: protocol.ModelsResult };
  "refrain/serve": { params: protocol.ServeParams; result: protocol.ServeState };
  "refrain/recipes": { params: protocol.RecipesParams; result: protocol.RecipesResult };
  "refrain/run": { params: protocol.RunParams; result: protocol.RunResult };
  "refrain/mcp": { params: protocol.McpParams; result: protocol.McpResult };
}

export type Method = keyof Requests;
