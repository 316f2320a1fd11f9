import type { Locator } from 'playwright-core';

import type { Rgb } from '../harness/colour.ts';
import { limit } from '../harness/limits.ts';
import { ENRICHMENT_IDS } from '../harness/test-ids.ts';
import { until } from '../harness/until.ts';
import type { ThemeKind, Webview } from '../workbench/webview.ts';
import type { Window } from '../workbench/window.ts';

export interface ShownAnswer {
  readonly wheel: readonly [primary: string, secondary: string, tertiary: string];
  readonly stages: readonly [stage1: string, stage2: string];
  readonly engine: string;
  readonly poem: readonly string[];
  readonly tips: readonly string[];
  readonly closing: string;
}

/** The panel at a moment: its lines, empty where one is awaited, and how far down what follows them is, in pixels. */
export interface ShownState {
  readonly state: string;
  readonly stage1: string;
  readonly lines: readonly string[];
  readonly foot: number;
}

/** What Refrain: Enrich Selection shows beside the text. */
export class EnrichmentPanel {
  readonly #window: Window;
  readonly #view: Webview;

  constructor(window: Window) {
    this.#window = window;
    this.#view = window.webview(ENRICHMENT_IDS.panel);
  }

  /**
   * The whole answer once its first stage's outcome matches, such as /^MISS/. Throws with the message
   * when an error is shown in its place.
   */
  async answer(stage1: RegExp): Promise<ShownAnswer> {
    await until(
      `a whole answer whose stage 1 says ${stage1}`,
      async () => {
        const [error] = await this.#window.notifications.errors();
        if (error !== undefined) throw new Error(`An error instead of an answer: ${error}`);
        if (!(await this.#view.isOpen()) || (await this.#state()) !== 'whole') return false;
        return stage1.test(await this.#view.text(ENRICHMENT_IDS.stage(1)));
      },
      { within: limit.model },
    );
    const text = (id: string): Promise<string> => this.#view.text(id);
    return {
      wheel: [
        await text(ENRICHMENT_IDS.primary),
        await text(ENRICHMENT_IDS.secondary),
        await text(ENRICHMENT_IDS.tertiary),
      ],
      stages: [await text(ENRICHMENT_IDS.stage(1)), await text(ENRICHMENT_IDS.stage(2))],
      engine: await text(ENRICHMENT_IDS.engine),
      poem: lines(await text(ENRICHMENT_IDS.poem)),
      tips: lines(await text(ENRICHMENT_IDS.tips)),
      closing: await text(ENRICHMENT_IDS.closing),
    };
  }

  /** What was seen in the picture of the whole answer, and how that came about. */
  async picture(): Promise<{ description: string; outcome: string }> {
    return {
      description: await this.#view.text(ENRICHMENT_IDS.description),
      outcome: await this.#view.text(ENRICHMENT_IDS.stage(0)),
    };
  }

  /** Asks for the shown text's answer anew, once that can be done. */
  async again(): Promise<void> {
    await (await this.#view.get(ENRICHMENT_IDS.again)).click();
  }

  /** Waits until it says how far an answer has come, such as 'writing'. */
  async stateIs(state: string): Promise<void> {
    await until(`the panel to be ${state}`, async () => (await this.#state()) === state, {
      within: limit.model,
      seen: () => this.#state(),
    });
  }

  /** Ends what is being written, whose first line is awaited. */
  async cancel(): Promise<void> {
    const poem = await this.#view.get(ENRICHMENT_IDS.poem);
    await until('a first line', async () => (await poem.innerText()).trim() !== '', { within: limit.model });
    await (await this.#view.get(ENRICHMENT_IDS.cancel)).click();
  }

  /** Notes each state of the open panel from now on, however brief; returns what tells them. */
  async watch(): Promise<() => Promise<ShownState[]>> {
    const { panel, poem, tips, closing, again } = ENRICHMENT_IDS;
    const page = await this.#view.get(panel);
    const seen = await page.evaluateHandle(
      ({ ownerDocument: document }, ids) => {
        const states: ShownState[] = [];
        const find = (id: string): HTMLElement | null => document.querySelector(`[data-testid="${id}"]`);
        const look = (): void => {
          states.push({
            state: find(ids.panel)?.dataset['state'] ?? '',
            stage1: find(ids.stage1)?.innerText ?? '',
            lines: ids.parts.flatMap((id) => [...(find(id)?.children ?? [])].map((line) => line.textContent ?? '')),
            foot: find(ids.again)?.offsetTop ?? 0,
          });
        };
        new MutationObserver(look).observe(document.body, { attributes: true, childList: true, subtree: true });
        return states;
      },
      { panel, again, stage1: ENRICHMENT_IDS.stage(1), parts: [poem, tips, closing] },
    );
    return () => seen.evaluate((states) => states);
  }

  /** The colour of a stage's outcome, and the page's. */
  async outcomeColours(stage: 1 | 2, theme: ThemeKind): Promise<{ ink: Rgb; ground: Rgb }> {
    return this.#view.colours(ENRICHMENT_IDS.stage(stage), theme);
  }

  /** What axe-core finds in it. */
  async barriers(theme: ThemeKind): Promise<string[]> {
    return this.#view.barriers(ENRICHMENT_IDS.panel, theme);
  }

  /** All of it, to take a picture of. */
  async page(): Promise<Locator> {
    return this.#view.get(ENRICHMENT_IDS.panel);
  }

  async #state(): Promise<string | null> {
    return (await this.#view.get(ENRICHMENT_IDS.panel)).getAttribute('data-state');
  }
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
