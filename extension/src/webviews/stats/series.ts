import type { TimelinePoint } from "../../protocol";

/** Lookups per slice of time, oldest first; slices without lookups hold zeros. Times are seconds since the epoch. */
export interface Series {
  /** Length of a slice in minutes. */
  minutes: number;
  at: number[];
  hits: number[];
  misses: number[];
}

/** Slices that read well on an axis, in minutes. */
const SLICES = [1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1440] as const;
/** More bars than this are thinner than a pixel pair in a narrow panel. */
const MOST_BARS = 90;
/** A single minute alone looks like a full wall: show its surroundings. */
const FEWEST_BARS = 15;

/**
 * The timeline as equal slices up to `now`, merged so far that at most `MOST_BARS` remain. Sums are kept: what the
 * points add up to, the slices add up to.
 */
export function series(timeline: readonly TimelinePoint[], now: number): Series {
  const last = Math.max(now, ...timeline.map((point) => point.at));
  const first = Math.min(last, ...timeline.map((point) => point.at));
  const span = (last - first) / 60 + 1;
  const minutes = SLICES.find((slice) => span / slice <= MOST_BARS - 1) ?? Math.ceil(span / (MOST_BARS - 1) / 1440) * 1440;
  const slice = minutes * 60;
  const end = Math.floor(last / slice) * slice;
  const begin = Math.min(Math.floor(first / slice) * slice, end - (FEWEST_BARS - 1) * slice);
  const length = (end - begin) / slice + 1;
  const at = Array.from({ length }, (_, index) => begin + index * slice);
  const hits = new Array<number>(length).fill(0);
  const misses = new Array<number>(length).fill(0);
  for (const point of timeline) {
    const index = Math.floor((point.at - begin) / slice);
    hits[index] = (hits[index] ?? 0) + point.hits;
    misses[index] = (misses[index] ?? 0) + point.misses;
  }
  return { minutes, at, hits, misses };
}

/** `per minute`, `per 5 minutes`, `per hour`, `per day`. */
export function per(minutes: number): string {
  const [value, unit] =
    minutes % 1440 === 0 ? [minutes / 1440, "day"] : minutes % 60 === 0 ? [minutes / 60, "hour"] : [minutes, "minute"];
  return value === 1 ? `per ${unit}` : `per ${value} ${unit}s`;
}
