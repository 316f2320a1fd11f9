import type { Locator, Page } from 'playwright-core';

import { limit } from '../harness/limits.ts';
import { until } from '../harness/until.ts';
import { selectors } from './selectors.ts';

const TAB = /Walkthrough: |^Welcome/;

/** A walkthrough that an extension brings, from the page with which VS Code begins. */
export class Walkthrough {
  readonly #page: Page;
  readonly #title: string;

  constructor(page: Page, title: string) {
    this.#page = page;
    this.#title = title;
  }

  /** Opens it from the Welcome page, which an empty profile shows. */
  async open(): Promise<void> {
    const steps = this.#page.locator(selectors.walkthroughStep).first();
    const category = this.#page.locator(selectors.walkthroughCategory).filter({ hasText: this.#title });
    await until(
      `the walkthrough “${this.#title}”`,
      async () => {
        // Both pages are there, and the one that slid away is disabled.
        if ((await steps.count()) > 0 && (await steps.isEnabled())) return true;
        if ((await category.count()) > 0 && (await category.isEnabled())) await category.click();
        return false;
      },
      { within: limit.start },
    );
  }

  /** Goes back to its tab, which VS Code may have turned into the Welcome page again. */
  async back(): Promise<void> {
    await this.#page.locator(selectors.tab).filter({ hasText: TAB }).first().click();
    await this.open();
  }

  async titles(): Promise<string[]> {
    return this.#page.locator(selectors.walkthroughStepTitle).allInnerTexts();
  }

  /** Opens a step and presses a button in it. */
  async press(step: string, button: string): Promise<void> {
    await this.choose(step);
    await this.#step(step).locator(selectors.walkthroughButton).filter({ hasText: button }).click();
  }

  /** Opens a step, and waits for what its picture shows to be there. */
  async choose(step: string): Promise<void> {
    const one = this.#step(step);
    if ((await one.getAttribute('aria-expanded')) !== 'true' && !(await isExpanded(one))) await one.click();
    await until(`“${step}” to be open`, () => isExpanded(one), { within: limit.editor });
  }

  /** Waits for a step to be ticked off. */
  async isDone(step: string): Promise<void> {
    const tick = this.#step(step).locator(selectors.walkthroughTick);
    await until(`“${step}” to be ticked off`, async () => (await tick.count()) > 0, {
      within: limit.model,
      seen: () => this.done(),
    });
  }

  /** The steps that are ticked off. */
  async done(): Promise<string[]> {
    const steps = this.#page.locator(selectors.walkthroughStep).filter({ has: this.#page.locator(selectors.walkthroughTick) });
    return steps.locator(selectors.walkthroughStepTitle).allInnerTexts();
  }

  #step(title: string): Locator {
    const named = this.#page.locator(selectors.walkthroughStepTitle).filter({ hasText: title });
    return this.#page.locator(selectors.walkthroughStep).filter({ has: named });
  }
}

async function isExpanded(step: Locator): Promise<boolean> {
  return /\bexpanded\b/.test((await step.getAttribute('class')) ?? '');
}
