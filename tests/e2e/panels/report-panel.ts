import { limit } from '../harness/limits.ts';
import { REPORT_IDS } from '../harness/test-ids.ts';
import { until } from '../harness/until.ts';
import type { ThemeKind, Webview } from '../workbench/webview.ts';
import type { Window } from '../workbench/window.ts';

/** The page of Check CPU Threads, Explain Last Miss and Check Set-up. */
export class ReportPanel {
  readonly #view: Webview;

  constructor(window: Window) {
    this.#view = window.webview(REPORT_IDS.panel);
  }

  /** Its lead, once the report of that title is shown. */
  async lead(title: RegExp): Promise<string> {
    await this.#view.waitFor();
    await until(`the report ${title}`, async () => title.test(await this.#view.text(REPORT_IDS.title)), {
      within: limit.sidecar,
      seen: () => this.#view.text(REPORT_IDS.title),
    });
    return this.#view.text(REPORT_IDS.lead);
  }

  /** What axe-core finds in it. */
  async barriers(theme: ThemeKind): Promise<string[]> {
    return this.#view.barriers(REPORT_IDS.panel, theme);
  }

  async value(key: string): Promise<string> {
    return this.#view.text(REPORT_IDS.value(key));
  }

  async all(): Promise<string> {
    return this.#view.text(REPORT_IDS.panel);
  }
}
