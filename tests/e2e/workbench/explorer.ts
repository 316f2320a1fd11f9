import type { Page } from 'playwright-core';

import { limit } from '../harness/limits.ts';
import { until } from '../harness/until.ts';
import { selectors } from './selectors.ts';

const CLICK_MS = 2_000;

/** The files of the workspace. */
export class Explorer {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Chooses from the menu of a file, once that is listed. */
  async choose(file: string, item: string): Promise<void> {
    const row = this.#page.locator(selectors.explorerRow).filter({ hasText: file });
    await row.first().click({ button: 'right', timeout: limit.editor });
    const entry = this.#page.locator(selectors.menuItem).filter({ hasText: item }).first();
    await entry.waitFor({ timeout: limit.editor });
    // A menu that is still being laid out takes a click for nothing.
    await until(`${item} to be chosen`, async () => {
      await entry.click({ timeout: CLICK_MS }).catch(() => {});
      return (await entry.count()) === 0;
    }, { within: limit.editor });
  }
}
