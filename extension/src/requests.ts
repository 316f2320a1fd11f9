import type {
  CpuThreadsResult,
  DoctorResult,
  EnrichParams,
  EnrichResult,
  EntriesParams,
  EntryPage,
  ExplainParams,
  Explanation,
  PurgeParams,
  PurgeResult,
  StatsParams,
  StatsResult,
  WarmParams,
  WarmResult,
} from "./protocol";

/** What each request of the sidecar takes and gives, by its method name. */
export interface Requests {
  "refrain/enrich": { params: EnrichParams; result: EnrichResult };
  "refrain/stats": { params: StatsParams; result: StatsResult };
  "refrain/purge": { params: PurgeParams; result: PurgeResult };
  "refrain/warm": { params: WarmParams; result: WarmResult };
  "refrain/cpuThreads": { params: Record<string, never>; result: CpuThreadsResult };
  "refrain/entries": { params: EntriesParams; result: EntryPage };
  "refrain/explain": { params: ExplainParams; result: Explanation };
  "refrain/doctor": { params: Record<string, never>; result: DoctorResult };
}

export type Method = keyof Requests;
