import type { Locator, Page } from 'playwright-core';

import { limit } from '../harness/limits.ts';
import { until } from '../harness/until.ts';
import { selectors } from './selectors.ts';

/** One item of the status bar, by its whole id: `publisher.extension.item`. */
export class StatusBarItem {
  readonly #page: Page;
  readonly #item: Locator;

  constructor(page: Page, id: string) {
    this.#page = page;
    this.#item = page.locator(selectors.statusBarItem(id));
  }

  /** Waits for its text, icons left out, to match. */
  async shows(text: RegExp): Promise<void> {
    await until(`the status bar to show ${text}`, async () => text.test(await this.text()), {
      within: limit.start,
      seen: () => this.text(),
    });
  }

  /** Waits for its colour. */
  async becomes(kind: 'warning' | 'error' | 'plain'): Promise<void> {
    await until(`the status bar to be ${kind}`, async () => (await this.kind()) === kind, {
      within: limit.sidecar,
      seen: () => this.text(),
    });
  }

  async text(): Promise<string> {
    return (await this.#item.innerText({ timeout: limit.start })).trim();
  }

  /** What a screen reader says of it, once that matches. */
  async says(spoken: RegExp): Promise<void> {
    const now = async (): Promise<string> => (await this.#item.locator(selectors.statusBarLink).getAttribute('aria-label')) ?? '';
    await until(`the status bar to say ${spoken}`, async () => spoken.test(await now()), { within: limit.sidecar, seen: now });
  }

  async click(): Promise<void> {
    await this.#item.locator(selectors.statusBarLink).click();
  }

  /** `warning`, `error` or `plain`, from the colour VS Code gives the item. */
  async kind(): Promise<'warning' | 'error' | 'plain'> {
    const classes = (await this.#item.getAttribute('class')) ?? '';
    if (classes.includes('warning-kind')) return 'warning';
    return classes.includes('error-kind') ? 'error' : 'plain';
  }

  /** The tooltip's text once it matches. */
  async tooltipShows(text: RegExp): Promise<string> {
    return until(
      `the tooltip to show ${text}`,
      async () => {
        const shown = await this.tooltip();
        return text.test(shown) && shown;
      },
      { within: limit.sidecar, seen: () => this.tooltip() },
    );
  }

  /** The tooltip's text, as drawn. The mouse leaves again. */
  async tooltip(): Promise<string> {
    await this.#item.hover();
    const hover = this.#page.locator(selectors.statusBarHover).last();
    await hover.waitFor({ timeout: limit.editor });
    const text = await hover.innerText();
    await this.#page.mouse.move(600, 300);
    await hover.waitFor({ state: 'hidden' });
    return text;
  }
}
