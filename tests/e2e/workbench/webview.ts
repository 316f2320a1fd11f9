import type { FrameLocator, Locator, Page } from 'playwright-core';

import { limit } from '../harness/limits.ts';
import { until } from '../harness/until.ts';
import { selectors } from './selectors.ts';

/** A page that an extension draws, known among several by a test id that only it has. */
export class Webview {
  readonly #page: Page;
  readonly #mark: string;

  constructor(page: Page, mark: string) {
    this.#page = page;
    this.#mark = mark;
  }

  async waitFor(within: number = limit.sidecar): Promise<void> {
    await this.#frame(within);
  }

  async isOpen(): Promise<boolean> {
    return (await this.#look()) !== undefined;
  }

  /** The element of that test id, which need not be there yet. */
  async get(testId: string): Promise<Locator> {
    return (await this.#frame(limit.sidecar)).getByTestId(testId);
  }

  /** What the element shows, once it is there. */
  async text(testId: string): Promise<string> {
    return (await (await this.get(testId)).innerText({ timeout: limit.sidecar })).trim();
  }

  async #frame(within: number): Promise<FrameLocator> {
    return until(`the page with ${this.#mark}`, () => this.#look(), { within });
  }

  async #look(): Promise<FrameLocator | undefined> {
    for (const outer of await this.#page.locator(selectors.webviewOuter).all()) {
      const inner = outer.contentFrame().frameLocator(selectors.webviewInner);
      if ((await inner.getByTestId(this.#mark).count()) > 0) return inner;
    }
    return undefined;
  }
}
