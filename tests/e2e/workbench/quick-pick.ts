import { errors, type Locator, type Page } from 'playwright-core';

import { limit } from '../harness/limits.ts';
import { until } from '../harness/until.ts';
import { selectors } from './selectors.ts';

/** What is there is listed long before. */
const LISTED_MS = 3_000;

/** The box at the top: the command palette, file search, and every list an extension asks with. */
export class QuickPick {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Runs a command by the title a person reads in the palette. */
  async run(title: string): Promise<void> {
    await this.#pick(`${title} in the palette`, 'F1', `>${title}`, title);
  }

  /**
   * Runs a command and chooses from the lists that it asks with. A page that was just drawn may
   * take the focus late, and a list that loses it closes: then a person opens it again.
   */
  async runAndChoose(title: string, ...choices: (string | RegExp)[]): Promise<void> {
    await until(
      `${choices.join(', ')} to be chosen`,
      async () => {
        await this.run(title);
        for (const choice of choices) {
          if (!(await this.#chosen(choice))) return false;
        }
        return true;
      },
      { within: limit.sidecar },
    );
  }

  /** Runs a command and types what it asks for. */
  async runAndType(title: string, text: string): Promise<void> {
    await this.run(title);
    await this.type(text);
  }

  /** Types what is asked for, once it is: the box is empty then, and has no list. */
  async type(text: string): Promise<void> {
    await this.#page.locator(selectors.quickInputMessage).waitFor({ timeout: limit.sidecar });
    await this.#field.fill(text);
    await this.#field.press('Enter');
  }

  async openFile(name: string): Promise<void> {
    await this.#pick(`${name} among the files`, 'ControlOrMeta+P', name, name);
  }

  async goToLine(line: number): Promise<void> {
    await this.#open('F1');
    await this.#field.fill(`:${line}`);
    // Before the box says what Enter will do it does nothing.
    const told = this.#page.locator(selectors.quickInputRow).filter({ hasText: new RegExp(`line ${line}\\b`) });
    await told.waitFor({ timeout: limit.editor });
    await this.#field.press('Enter');
    await this.#widget.waitFor({ state: 'hidden', timeout: limit.editor });
  }

  row(label: string | RegExp): Locator {
    const exact = typeof label === 'string' ? new RegExp(`^${RegExp.escape(label)}$`) : label;
    return this.#page.locator(selectors.quickInputRow).filter({
      has: this.#page.locator(selectors.quickInputRowLabel).filter({ hasText: exact }),
    });
  }

  /** False when the list went away before the row could be chosen. */
  async #chosen(label: string | RegExp): Promise<boolean> {
    try {
      // A long list draws only the rows that are in sight.
      if (typeof label === 'string') await this.#field.fill(label, { timeout: limit.editor });
      await this.row(label).click({ timeout: limit.editor });
      return true;
    } catch (error) {
      if (error instanceof errors.TimeoutError && !(await this.#widget.isVisible())) return false;
      throw error;
    }
  }

  /**
   * Chooses `row` in the list that `key` opens. It lists what there was when it opened, which may be
   * a moment before the row, and opened once more while it is open it would show the same.
   */
  async #pick(what: string, key: string, typed: string, row: string): Promise<void> {
    await until(
      what,
      async () => {
        await this.#open(key);
        // It closes by itself when a page inside the window takes the focus late.
        if (!(await passed(this.#field.fill(typed, { timeout: LISTED_MS })))) return false;
        if (await passed(this.row(row).click({ timeout: LISTED_MS }))) return true;
        await this.#page.keyboard.press('Escape');
        return false;
      },
      { within: limit.editor },
    );
  }

  /** A page inside the window that was just drawn may swallow a key. */
  async #open(key: string): Promise<void> {
    await until(
      `the box at the top after ${key}`,
      async () => {
        await this.#page.keyboard.press(key);
        return passed(this.#field.waitFor({ timeout: LISTED_MS }));
      },
      { within: limit.editor },
    );
  }

  get #widget(): Locator {
    return this.#page.locator(selectors.quickInput);
  }

  get #field(): Locator {
    return this.#page.locator(selectors.quickInputField).first();
  }
}

/** False when what the page was awaited for did not come in time. */
async function passed(awaited: Promise<void>): Promise<boolean> {
  try {
    await awaited;
    return true;
  } catch (error) {
    if (error instanceof errors.TimeoutError) return false;
    throw error;
  }
}
