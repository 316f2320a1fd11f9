import { setTimeout as delay } from 'node:timers/promises';

const LOOK_AGAIN_MS = 100;

/**
 * The first value of `look` that is neither undefined, null nor false.
 * Throws after `within` ms, saying what was awaited and what `seen` shows then.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { within, seen }: { within: number; seen?: () => unknown },
): Promise<NonNullable<Exclude<T, false>>> {
  const end = Date.now() + within;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== null && value !== false) {
      return value as NonNullable<Exclude<T, false>>;
    }
    if (Date.now() > end) {
      const shown = seen ? `; seen: ${JSON.stringify(await seen())}` : '';
      throw new Error(`Waited ${within} ms in vain for ${what}${shown}`);
    }
    await delay(LOOK_AGAIN_MS);
  }
}
