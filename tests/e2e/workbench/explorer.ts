import type { Page } from 'playwright-core';

import { limit } from '../harness/limits.ts';
import { selectors } from './selectors.ts';

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
    await this.#page.locator(selectors.menuItem).filter({ hasText: item }).first().click({ timeout: limit.editor });
  }
}
