import { count, counted, duration } from "./format";
import type { ServeState } from "./protocol";

/** `12 hits, 3 misses, 1 passed, 3.4 s saved`. */
export function figures({ hits, misses, passed, savedMs }: ServeState): string {
  return `${counted(hits, "hit", "hits")}, ${counted(misses, "miss", "misses")}, ${count(passed)} passed, ${duration(savedMs)} saved`;
}

/** What it serves: `Ollama at http://127.0.0.1:11434`, `the embedded engine`. */
export function upstream({ engine, upstream: address }: ServeState): string {
  return engine === "embedded" ? "the embedded engine" : `Ollama at ${address ?? "an unknown address"}`;
}

/** Where its own page is. */
export function page({ url }: ServeState): string {
  return `${url ?? ""}/refrain`;
}
