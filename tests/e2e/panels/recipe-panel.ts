import { limit } from '../harness/limits.ts';
import { RECIPE_IDS as ids } from '../harness/test-ids.ts';
import { until } from '../harness/until.ts';
import type { ThemeKind, Webview } from '../workbench/webview.ts';
import type { Window } from '../workbench/window.ts';

/** The panel at a moment; `at` is in ms since the Unix epoch. */
export interface ShownText {
  readonly at: number;
  readonly state: string;
  readonly text: string;
}

/** The state noted when a button is pressed. */
export const CLICKED = 'clicked';

/** What Refrain: Run Recipe… shows beside the text. */
export class RecipePanel {
  readonly #view: Webview;

  constructor(window: Window) {
    this.#view = window.webview(ids.panel);
  }

  /** The answer once its outcome matches, such as /^MISS/. */
  async answer(outcome: RegExp): Promise<string> {
    const seen = async (): Promise<string> => ((await this.#view.isOpen()) ? this.#view.text(ids.outcome) : 'closed');
    await until(`an outcome ${outcome}`, async () => outcome.test(await seen()), { within: limit.model, seen });
    return this.#view.text(ids.answer);
  }

  /** What is written of the answer so far. */
  async written(): Promise<string> {
    return this.#view.text(ids.answer);
  }

  /** What axe-core finds in it. */
  async barriers(theme: ThemeKind): Promise<string[]> {
    return this.#view.barriers(ids.panel, theme);
  }

  async recipe(): Promise<string> {
    return this.#view.text(ids.recipe);
  }

  async problem(): Promise<string> {
    return this.#view.text(ids.problem);
  }

  async press(button: 'replace' | 'insert' | 'copy' | 'again' | 'cancel'): Promise<void> {
    await (await this.#view.get(ids[button])).click();
  }

  /** Which buttons can be pressed. */
  async enabled(): Promise<string[]> {
    const names = ['replace', 'insert', 'copy', 'again', 'cancel'] as const;
    const each = names.map(async (name) => ((await (await this.#view.get(ids[name])).isEnabled()) ? [name] : []));
    return (await Promise.all(each)).flat();
  }

  /** Notes what the open panel shows from now on; returns what tells it. */
  async watch(): Promise<() => Promise<ShownText[]>> {
    const page = await this.#view.get(ids.panel);
    const seen = await page.evaluateHandle(
      ({ ownerDocument: document }, { panel, answer, clicked }) => {
        const shown: ShownText[] = [];
        const find = (id: string): HTMLElement | null => document.querySelector(`[data-testid="${id}"]`);
        const look = (): void => {
          shown.push({ at: Date.now(), state: find(panel)?.dataset['state'] ?? '', text: find(answer)?.textContent ?? '' });
        };
        new MutationObserver(look).observe(document.body, { attributes: true, childList: true, characterData: true, subtree: true });
        const note = (): number => shown.push({ at: Date.now(), state: clicked, text: '' });
        document.addEventListener('click', note, { capture: true });
        return shown;
      },
      { panel: ids.panel, answer: ids.answer, clicked: CLICKED },
    );
    return () => seen.evaluate((shown) => shown);
  }
}
