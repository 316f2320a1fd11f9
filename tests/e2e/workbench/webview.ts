import type { FrameLocator, Locator, Page } from 'playwright-core';

import { limit } from '../harness/limits.ts';
import { selectors } from './selectors.ts';

/** The page an extension draws, found by a test id that only it has. */
export class Webview {
  readonly #page: Page;
  readonly #mark: string;

  constructor(page: Page, mark: string) {
    this.#page = page;
    this.#mark = mark;
  }

  async waitFor(within: number = limit.sidecar): Promise<void> {
    await this.get(this.#mark).waitFor({ timeout: within });
  }

  get(testId: string): Locator {
    return this.#frame.getByTestId(testId);
  }

  async text(testId: string): Promise<string> {
    return (await this.get(testId).innerText({ timeout: limit.sidecar })).trim();
  }

  async isOpen(): Promise<boolean> {
    return (await this.get(this.#mark).count()) > 0;
  }

  get #frame(): FrameLocator {
    return this.#page.frameLocator(selectors.webviewOuter).frameLocator(selectors.webviewInner);
  }
}
