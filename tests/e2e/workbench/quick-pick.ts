import type { Locator, Page } from 'playwright-core';

import { limit } from '../harness/limits.ts';
import { selectors } from './selectors.ts';

/** The box at the top: the command palette, file search, and every list an extension asks with. */
export class QuickPick {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Runs a command by the title a person reads in the palette. */
  async run(title: string): Promise<void> {
    await this.#open('F1');
    await this.#field.fill(`>${title}`);
    await this.row(title).click({ timeout: limit.editor });
  }

  async openFile(name: string): Promise<void> {
    await this.#open('ControlOrMeta+P');
    await this.#field.fill(name);
    await this.row(name).click({ timeout: limit.editor });
  }

  async goToLine(line: number): Promise<void> {
    await this.#open('F1');
    await this.#field.fill(`:${line}`);
    await this.#field.press('Enter');
    await this.#widget.waitFor({ state: 'hidden' });
  }

  /** Chooses a row of a list that is open, or about to open. */
  async choose(label: string | RegExp): Promise<void> {
    await this.row(label).click({ timeout: limit.sidecar });
  }

  async type(text: string): Promise<void> {
    await this.#field.fill(text, { timeout: limit.sidecar });
  }

  async accept(): Promise<void> {
    await this.#field.press('Enter');
  }

  async dismiss(): Promise<void> {
    await this.#page.keyboard.press('Escape');
    await this.#widget.waitFor({ state: 'hidden' });
  }

  /** Every row's whole text, once there is at least one. */
  async rows(): Promise<string[]> {
    const rows = this.#page.locator(selectors.quickInputRow);
    await rows.first().waitFor({ timeout: limit.sidecar });
    return rows.allInnerTexts();
  }

  row(label: string | RegExp): Locator {
    const exact = typeof label === 'string' ? new RegExp(`^${RegExp.escape(label)}$`) : label;
    return this.#page.locator(selectors.quickInputRow).filter({
      has: this.#page.locator(selectors.quickInputRowLabel).filter({ hasText: exact }),
    });
  }

  async #open(key: string): Promise<void> {
    await this.#page.keyboard.press(key);
    await this.#field.waitFor({ timeout: limit.editor });
  }

  get #widget(): Locator {
    return this.#page.locator(selectors.quickInput);
  }

  get #field(): Locator {
    return this.#page.locator(selectors.quickInputField).first();
  }
}
