import type { Locator } from 'playwright-core';

import type { Rgb } from '../harness/colour.ts';
import { limit } from '../harness/limits.ts';
import { STATS_IDS } from '../harness/test-ids.ts';
import { until } from '../harness/until.ts';
import type { ThemeKind, Webview } from '../workbench/webview.ts';
import type { Window } from '../workbench/window.ts';

const NUMBERS = ['hits', 'misses', 'entries', 'bytes', 'coalesced', 'bypassed', 'refused'] as const;

export type Numbers = Readonly<Record<(typeof NUMBERS)[number], number>>;

/** Refrain: Show Cache Stats. */
export class StatsPanel {
  readonly #view: Webview;

  constructor(window: Window) {
    this.#view = window.webview(STATS_IDS.panel);
  }

  async waitFor(): Promise<void> {
    await this.#view.waitFor();
  }

  /** The numbers as they stand, read from `data-value`. */
  async numbers(): Promise<Numbers> {
    const read = NUMBERS.map(async (name) => [name, await this.#value(STATS_IDS[name])] as const);
    return Object.fromEntries(await Promise.all(read)) as Numbers;
  }

  /** The numbers once they are as `wanted`; they follow the cache within a second or so. */
  async shows(wanted: Partial<Numbers>): Promise<Numbers> {
    return until(
      `the panel to show ${JSON.stringify(wanted)}`,
      async () => {
        const now = await this.numbers();
        const alike = Object.entries(wanted).every(([name, value]) => now[name as keyof Numbers] === value);
        return alike && now;
      },
      { within: limit.sidecar, seen: () => this.numbers() },
    );
  }

  async chooseWindow(name: 'session' | 'hour' | 'day' | 'all'): Promise<void> {
    const button = await this.#view.get(STATS_IDS.window(name));
    await button.click();
    await until(
      `the window ${name} to be chosen`,
      async () => (await button.getAttribute('aria-pressed')) === 'true',
      { within: limit.sidecar },
    );
  }

  async stateIs(state: RegExp): Promise<void> {
    const now = (): Promise<string> => this.#view.text(STATS_IDS.state);
    await until(`the cache to be ${state}`, async () => state.test(await now()), {
      within: limit.sidecar,
      seen: now,
    });
  }

  async problem(): Promise<string> {
    return this.#view.text(STATS_IDS.problem);
  }

  /** What the panel tells of the proxy, once its hits are as `wanted`. */
  async proxyWith(hits: number): Promise<{ address: string; upstream: string; misses: number; passed: number; saved: number }> {
    const now = (): Promise<number> => this.#value(STATS_IDS.proxyHits);
    await until(`${hits} hits of the proxy`, async () => (await now()) === hits, { within: limit.sidecar, seen: now });
    return {
      address: await this.#view.text(STATS_IDS.proxyAddress),
      upstream: await this.#view.text(STATS_IDS.proxyUpstream),
      misses: await this.#value(STATS_IDS.proxyMisses),
      passed: await this.#value(STATS_IDS.proxyPassed),
      saved: await this.#value(STATS_IDS.proxySaved),
    };
  }

  /** Waits until it tells nothing of a proxy. */
  async noProxy(): Promise<void> {
    const shown = await this.#view.get(STATS_IDS.proxyAddress);
    await until('the proxy to leave the panel', async () => (await shown.count()) === 0, { within: limit.sidecar });
  }

  /** The colours of hits and of misses, and the page's. */
  async colours(theme: ThemeKind): Promise<{ hit: Rgb; miss: Rgb; ground: Rgb }> {
    const hit = await this.#view.colours(STATS_IDS.swatch('hit'), theme);
    const miss = await this.#view.colours(STATS_IDS.swatch('miss'), theme);
    return { hit: hit.ink, miss: miss.ink, ground: hit.ground };
  }

  /** What axe-core finds in it. */
  async barriers(theme: ThemeKind): Promise<string[]> {
    return this.#view.barriers(STATS_IDS.panel, theme);
  }

  /** All of it, to take a picture of. */
  async page(): Promise<Locator> {
    return this.#view.get(STATS_IDS.panel);
  }

  async #value(testId: string): Promise<number> {
    const text = await (await this.#view.get(testId)).getAttribute('data-value', { timeout: limit.sidecar });
    return text === null || text === '' ? Number.NaN : Number(text);
  }
}
