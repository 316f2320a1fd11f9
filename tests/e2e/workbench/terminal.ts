import type { Page } from 'playwright-core';

import { limit } from '../harness/limits.ts';
import { until } from '../harness/until.ts';
import { selectors } from './selectors.ts';

/** The terminal that is in front. */
export class Terminal {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** What its screen shows, line by line. */
  async text(): Promise<string> {
    const rows = await this.#page.locator(selectors.terminalRows).allInnerTexts();
    return rows.map((row) => row.replaceAll('\u00a0', ' ').trimEnd()).join('\n').trim();
  }

  /** The screen once it matches. */
  async shows(text: RegExp, within: number = limit.sidecar): Promise<string> {
    return until(
      `the terminal to show ${text}`,
      async () => {
        const shown = await this.text();
        return text.test(shown) && shown;
      },
      { within, seen: () => this.text() },
    );
  }
}
