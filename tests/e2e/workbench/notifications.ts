import { errors, type Locator, type Page } from 'playwright-core';

import { limit } from '../harness/limits.ts';
import { until } from '../harness/until.ts';
import { selectors } from './selectors.ts';

// How long one click may wait for a message that may be fading.
const CLICK_MS = 2_000;

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

  /** Waits until none is shown, though nobody closes it. */
  async gone(): Promise<void> {
    const toasts = this.#page.locator(selectors.notificationToast);
    await until('no message to be shown', async () => (await toasts.count()) === 0, {
      within: limit.editor,
      seen: () => toasts.allInnerTexts(),
    });
  }

  /** The errors that are shown. */
  async errors(): Promise<string[]> {
    return this.#page
      .locator(selectors.notificationToast)
      .filter({ has: this.#page.locator(selectors.notificationErrorIcon) })
      .locator(selectors.notificationMessage)
      .allInnerTexts();
  }

  /** Notes each message that is shown from now on, however briefly; returns what tells them. */
  async watch(): Promise<() => Promise<string[]>> {
    const seen = await this.#page.evaluateHandle((toast) => {
      const texts = new Set<string>();
      const look = (): void => document.querySelectorAll(toast).forEach((one) => texts.add(one.textContent ?? ''));
      new MutationObserver(look).observe(document.body, { childList: true, characterData: true, subtree: true });
      return texts;
    }, selectors.notificationToast);
    return () => seen.evaluate((texts) => [...texts]);
  }

  /** Closes what is shown, so that the next step reads its own message. */
  async clear(): Promise<void> {
    const toasts = this.#page.locator(selectors.notificationToast);
    await until(
      'all messages to be closed',
      async () => {
        if ((await toasts.count()) === 0) return true;
        // A closed message fades: it may be counted and be gone before it is clicked.
        const one = toasts.first();
        await one
          .hover({ timeout: CLICK_MS })
          .then(() => one.locator(selectors.notificationClose).click({ timeout: CLICK_MS }))
          .catch((error: unknown) => {
            if (!(error instanceof errors.TimeoutError)) throw error;
          });
        return false;
      },
      { within: limit.sidecar, seen: () => toasts.allInnerTexts() },
    );
  }

  #toast(text: RegExp): Locator {
    return this.#page
      .locator(selectors.notificationToast)
      .filter({ has: this.#page.locator(selectors.notificationMessage).filter({ hasText: text }) })
      .first();
  }
}
