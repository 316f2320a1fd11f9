import type { Locator, Page } from 'playwright-core';

import { limit } from '../harness/limits.ts';
import { selectors } from './selectors.ts';

/** A question that must be answered before anything else. */
export class Dialog {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Message and detail, once the dialog is there. */
  async text(): Promise<string> {
    await this.#box.waitFor({ timeout: limit.sidecar });
    return this.#box.innerText();
  }

  async press(button: string | RegExp): Promise<void> {
    await this.#box.locator(selectors.dialogButton).filter({ hasText: button }).click();
    await this.#box.waitFor({ state: 'hidden' });
  }

  get #box(): Locator {
    return this.#page.locator(selectors.dialog);
  }
}
