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

/** What Refrain: Enrich Selection shows beside the text. */
export class EnrichmentPanel {
  readonly #window: Window;
  readonly #view: Webview;

  constructor(window: Window) {
    this.#window = window;
    this.#view = window.webview(ENRICHMENT_IDS.panel);
  }

  /**
   * The answer once its first stage's outcome matches, such as /^MISS/. Throws with the message
   * when an error is shown in its place.
   */
  async answer(stage1: RegExp): Promise<ShownAnswer> {
    await until(
      `an answer whose stage 1 says ${stage1}`,
      async () => {
        const [error] = await this.#window.notifications.errors();
        if (error !== undefined) throw new Error(`An error instead of an answer: ${error}`);
        return (await this.#view.isOpen()) && stage1.test(await this.#view.text(ENRICHMENT_IDS.stage(1)));
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

  /** The colour of a stage's outcome, and the page's. */
  async outcomeColours(stage: 1 | 2, theme: ThemeKind): Promise<{ ink: Rgb; ground: Rgb }> {
    return this.#view.colours(ENRICHMENT_IDS.stage(stage), theme);
  }
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
