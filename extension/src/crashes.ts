/** Restarts are given up at this many ends within `CRASH_WINDOW_MS`, the language client's own habit. */
export const CRASH_LIMIT = 4;
export const CRASH_WINDOW_MS = 3 * 60 * 1000;

/** Counts unexpected ends of the sidecar and says whether starting it again is still sensible. */
export class Crashes {
  private moments: number[] = [];

  /** Notes an end at `now` (ms). False once there were `CRASH_LIMIT` of them within the window. */
  mayRestart(now: number): boolean {
    this.moments = [...this.moments.filter((moment) => now - moment <= CRASH_WINDOW_MS), now];
    return this.moments.length < CRASH_LIMIT;
  }

  forget(): void {
    this.moments = [];
  }
}
