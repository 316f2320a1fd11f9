import type { Locator, Page } from 'playwright-core';

import { limit } from '../harness/limits.ts';
import { selectors } from './selectors.ts';

/** The messages in the corner. */
export class Notifications {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** The text of the first message that matches, once it is there. */
  async message(text: RegExp, within: number = limit.sidecar): Promise<string> {
    const toast = this.#toast(text);
    await toast.waitFor({ timeout: within });
    return toast.locator(selectors.notificationMessage).innerText();
  }

  async press(message: RegExp, button: string): Promise<void> {
    await this.#toast(message).locator(selectors.notificationButton, { hasText: button }).click();
  }

  async buttons(message: RegExp): Promise<string[]> {
    return this.#toast(message).locator(selectors.notificationButton).allInnerTexts();
  }

  /** The errors that are shown. */
  async errors(): Promise<string[]> {
    return this.#page
      .locator(selectors.notificationToast)
      .filter({ has: this.#page.locator(selectors.notificationErrorIcon) })
      .locator(selectors.notificationMessage)
      .allInnerTexts();
  }

  /** Closes what is shown, so that the next step reads its own message. */
  async clear(): Promise<void> {
    const toasts = this.#page.locator(selectors.notificationToast);
    for (let left = await toasts.count(); left > 0; left = await toasts.count()) {
      const first = toasts.first();
      await first.hover();
      await first.locator(selectors.notificationClose).click();
    }
  }

  #toast(text: RegExp): Locator {
    return this.#page
      .locator(selectors.notificationToast)
      .filter({ has: this.#page.locator(selectors.notificationMessage).filter({ hasText: text }) })
      .first();
  }
}
