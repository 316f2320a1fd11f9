import type { FrameLocator, Locator, Page } from 'playwright-core';

import { barriers } from '../harness/accessible.ts';
import type { Rgb } from '../harness/colour.ts';
import { limit } from '../harness/limits.ts';
import { until } from '../harness/until.ts';
import { selectors } from './selectors.ts';

export type ThemeKind = 'vscode-light' | 'vscode-dark' | 'vscode-high-contrast' | 'vscode-high-contrast-light';

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

  /** The element's colour and the page's, once the page has a theme of that kind. */
  async colours(testId: string, theme: ThemeKind): Promise<{ ink: Rgb; ground: Rgb }> {
    const element = await this.get(testId);
    const kind = (): Promise<string | undefined> =>
      element.evaluate((one) => one.ownerDocument.body.dataset['vscodeThemeKind']);
    await until(`the page to be ${theme}`, async () => (await kind()) === theme, { within: limit.editor, seen: kind });
    return element.evaluate((one) => {
      const context = one.ownerDocument.createElement('canvas').getContext('2d');
      // A canvas understands whatever way of writing a colour the style sheet has.
      const rgb = (colour: string): [number, number, number] => {
        if (context === null) throw new Error('No canvas to paint on');
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        const [r = 0, g = 0, b = 0] = context.getImageData(0, 0, 1, 1).data;
        return [r, g, b];
      };
      return { ink: rgb(getComputedStyle(one).color), ground: rgb(getComputedStyle(one.ownerDocument.body).backgroundColor) };
    });
  }

  /** What axe-core finds in the page, once it has a theme of that kind. */
  async barriers(testId: string, theme: ThemeKind): Promise<string[]> {
    await this.colours(testId, theme);
    const frame = await (await (await this.get(testId)).elementHandle())?.ownerFrame();
    if (!frame) throw new Error(`The page with ${this.#mark} has gone`);
    return barriers(frame);
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
