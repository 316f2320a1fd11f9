import type { Page } from 'playwright-core';

import { limit } from '../harness/limits.ts';
import { until } from '../harness/until.ts';
import type { QuickPick } from './quick-pick.ts';
import { selectors } from './selectors.ts';

const AGAIN_AFTER = 8_000;

/** The text editor that has the focus. */
export class TextEditor {
  readonly #page: Page;
  readonly #quickPick: QuickPick;

  constructor(page: Page, quickPick: QuickPick) {
    this.#page = page;
    this.#quickPick = quickPick;
  }

  /** A page that was just drawn may take the focus late: then a person opens the file again. */
  async open(file: string): Promise<void> {
    await until(
      `${file} to be in front`,
      async () => {
        await this.#quickPick.openFile(file);
        return this.tab(file, AGAIN_AFTER).then(
          () => true,
          () => false,
        );
      },
      { within: 2 * limit.editor },
    );
  }

  /** Waits for the tab of `file` to be in front. */
  async tab(file: string, within: number = limit.editor): Promise<void> {
    const tab = this.#page.locator(`${selectors.tab}.active`).filter({ hasText: file });
    await tab.first().waitFor({ timeout: within });
  }

  /** Brings an open file's tab to the front, and the focus into its text. */
  async show(file: string): Promise<void> {
    await this.#page.locator(selectors.tab).filter({ hasText: file }).first().click();
    await this.tab(file);
  }

  async selectLine(line: number): Promise<void> {
    await this.#quickPick.goToLine(line);
    // The first goes to the end of a wrapped line's first row, the second to its real end.
    await this.#page.keyboard.press('Shift+End');
    await this.#page.keyboard.press('Shift+End');
  }

  /** Replaces all of the file in front, and saves. */
  async replaceAll(text: string): Promise<void> {
    await this.#page.keyboard.press('ControlOrMeta+A');
    await this.#page.keyboard.insertText(text);
    await this.#page.keyboard.press('ControlOrMeta+S');
  }

  /** Replaces a whole line of the file in front, and saves. */
  async replaceLine(line: number, text: string): Promise<void> {
    await this.selectLine(line);
    await this.#page.keyboard.insertText(text);
    await this.#page.keyboard.press('ControlOrMeta+S');
  }
}
