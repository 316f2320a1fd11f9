import type { OutcomeName, Tier } from "./protocol";

const COUNT = new Intl.NumberFormat("en");
const NONE = "–";

/** 1234 → `1,234`. */
export function count(value: number): string {
  return COUNT.format(value);
}

/** `1 entry`, `1,234 entries`. */
export function counted(value: number, one: string, many: string): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A rate 0..1 as `67%`. Never `100%` or `0%` unless it is exactly that; `–` before the first lookup. */
export function percent(rate: number | null): string {
  if (rate === null) {
    return NONE;
  }
  const rounded = Math.round(rate * 100);
  if (rounded === 100 && rate < 1) {
    return ">99%";
  }
  if (rounded === 0 && rate > 0) {
    return "<1%";
  }
  return `${rounded}%`;
}

/** Below which ms a duration is told in what unit: how many ms that is, its digits after the point, its name. */
const UNITS: readonly [number, number, number, string][] = [
  [0.995, 1, 2, "ms"],
  [9.95, 1, 1, "ms"],
  [999.5, 1, 0, "ms"],
  [9950, 1000, 1, "s"],
  [59_500, 1000, 0, "s"],
];

/** A duration in ms, to two or three figures in the unit that suits it: `42 µs`, `0.42 ms`, `3.4 s`, `2 h 5 min`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) {
    return NONE;
  }
  if (ms === 0) {
    return "0 ms";
  }
  if (ms < 0.0995) {
    return `${Math.max(1, Math.round(ms * 1000))} µs`;
  }
  const unit = UNITS.find(([below]) => ms < below);
  if (unit === undefined) {
    return long(Math.round(ms / 1000));
  }
  const [, one, digits, name] = unit;
  return `${(ms / one).toFixed(digits)} ${name}`;
}

function long(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) {
    return pair(minutes, "min", seconds % 60, "s");
  }
  const rounded = Math.round(seconds / 60);
  const hours = Math.floor(rounded / 60);
  return hours < 48 ? pair(hours, "h", rounded % 60, "min") : pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** A size in bytes: `0 B`, `999 B`, `1.2 KiB`, `34 MiB`. */
export function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const shown = unit === 0 || value >= 9.95 ? String(Math.round(value)) : value.toFixed(1);
  return `${shown} ${units[unit] ?? ""}`;
}

/** How long ago `at` was (both seconds since the epoch): `just now`, `5 min ago`, `3 d ago`. */
export function ago(at: number, now: number): string {
  const seconds = now - at;
  if (seconds < 60) {
    return "just now";
  }
  const [value, unit] = seconds < 3600 ? [seconds / 60, "min"] : seconds < 172_800 ? [seconds / 3600, "h"] : [seconds / 86_400, "d"];
  return `${Math.floor(value)} ${unit} ago`;
}

const KINDS: Record<string, string> = {
  stage1_enrichment: "Stage 1",
  stage2_enrichment: "Stage 2",
  recipe: "Recipes",
  vision_inference: "Vision",
  api: "API",
};

/** The kind as people read it: the proxy's by their paths; an unknown one keeps its own name. */
export function kindName(kind: string): string {
  return KINDS[kind] ?? (proxied(kind) ? `/${kind.replaceAll("_", "/")}` : kind);
}

/** Whether the proxy makes entries of that kind: `api_chat`, `v1_chat_completions`. */
export function proxied(kind: string): boolean {
  return /^(api|v1)_/.test(kind);
}

/** `HIT (memory)`, `MISS`, `COALESCED` … */
export function outcomeName(outcome: OutcomeName, tier: Tier | null): string {
  const name = outcome.toUpperCase();
  return outcome === "hit" && tier !== null ? `${name} (${tier})` : name;
}

/** A stored name with underscores, for people: `never_seen` → `never seen`. */
export function words(name: string): string {
  return name.replaceAll("_", " ");
}
