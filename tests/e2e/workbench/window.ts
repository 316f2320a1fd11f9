// A VS Code window in a real Chromium, and its parts.
import { chromium as playwright, type Browser, type BrowserContext, type Locator, type Page } from 'playwright-core';

import { chromium } from '../bootstrap/debian.mjs';
import { TRACED } from '../harness/code-server.ts';
import { limit } from '../harness/limits.ts';
import { until } from '../harness/until.ts';
import { Dialog } from './dialog.ts';
import { Explorer } from './explorer.ts';
import { Notifications } from './notifications.ts';
import { QuickPick } from './quick-pick.ts';
import { selectors } from './selectors.ts';
import { StatusBarItem } from './status-bar.ts';
import { Terminal } from './terminal.ts';
import { TextEditor } from './text-editor.ts';
import { Walkthrough } from './walkthrough.ts';
import { Webview } from './webview.ts';

export async function startBrowser(): Promise<Browser> {
  const executablePath = chromium();
  if (executablePath === undefined) {
    throw new Error('No Chromium found. Run `node tests/e2e/setup.mjs`, or name one in $REFRAIN_CHROMIUM.');
  }
  return playwright.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'].concat(
      ['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ),
  });
}

export class Window {
  readonly page: Page;
  readonly quickPick: QuickPick;
  readonly notifications: Notifications;
  readonly dialog: Dialog;
  readonly terminal: Terminal;
  readonly explorer: Explorer;
  readonly editor: TextEditor;
  readonly #context: BrowserContext;
  readonly #console: string[] = [];

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.page = page;
    this.quickPick = new QuickPick(page);
    this.notifications = new Notifications(page);
    this.dialog = new Dialog(page);
    this.terminal = new Terminal(page);
    this.explorer = new Explorer(page);
    this.editor = new TextEditor(page, this.quickPick);
    page.on('console', (message) => this.#console.push(`${message.type()}: ${message.text()}`));
  }

  /** Opens `folder` and waits until the window can be used. */
  static async open(browser: Browser, address: string, folder: string): Promise<Window> {
    // Without a graphics card every frame of what moves is drawn by a processor that the tests need.
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
    if (TRACED) await context.tracing.start({ screenshots: true, snapshots: false });
    const window = new Window(context, await context.newPage());
    await window.page.goto(`${address}/?folder=${encodeURIComponent(folder)}`, { timeout: limit.start });
    await window.page.locator(selectors.workbench).waitFor({ timeout: limit.start });
    await window.page.locator(selectors.startupDone).first().waitFor({ timeout: limit.start });
    return window;
  }

  statusBar(id: string): StatusBarItem {
    return new StatusBarItem(this.page, id);
  }

  webview(mark: string): Webview {
    return new Webview(this.page, mark);
  }

  walkthrough(title: string): Walkthrough {
    return new Walkthrough(this.page, title);
  }

  /** Waits until the views that have nothing to show offer one button in all, `button`. */
  async welcomeIs(button: string): Promise<void> {
    const shown = (): Promise<string[]> => this.page.locator(selectors.welcomeButton).allInnerTexts();
    await until(`the one button “${button}”`, async () => (await shown()).join() === button, {
      within: limit.model,
      seen: shown,
    });
  }

  /** Chooses a colour theme by its name. */
  async theme(name: string): Promise<void> {
    await this.quickPick.runAndChoose('Preferences: Color Theme', name);
  }

  /** Presses *Trust* on the page that manages it. */
  async trust(): Promise<void> {
    await this.page.locator(selectors.trustButton).filter({ hasText: /^Trust$/ }).click();
  }

  /** Shows a view container of the activity bar. */
  async activity(label: string): Promise<void> {
    const item = this.page.locator(selectors.activity(label)).first();
    if ((await item.getAttribute('aria-expanded')) !== 'true') await item.click();
  }

  /** The row of a tree that begins so. */
  treeRow(name: string): Locator {
    return this.page.locator(selectors.treeRow).filter({ hasText: new RegExp(`^\\s*${RegExp.escape(name)}`) });
  }

  async treeRows(): Promise<string[]> {
    return this.page.locator(selectors.treeRow).allInnerTexts();
  }

  /** The row of the Problems view that matches, once it is there. */
  async problem(text: RegExp): Promise<string> {
    return until(
      `a problem ${text}`,
      async () => (await this.problems()).find((row) => text.test(row)),
      { within: limit.sidecar, seen: () => this.problems() },
    );
  }

  /** The rows of the Problems view, which must be open; none when it says that there is no problem. */
  async problems(): Promise<string[]> {
    return this.page.locator(selectors.markers).allInnerTexts();
  }

  /** The line of the Output view that matches, once it is there. */
  async output(text: RegExp): Promise<string> {
    const lines = (): Promise<string[]> => this.page.locator(selectors.outputLine).allInnerTexts();
    const spaced = async (): Promise<string[]> => (await lines()).map((line) => line.replaceAll('\u00a0', ' '));
    return until(`${text} in the output`, async () => (await spaced()).find((line) => text.test(line)), {
      within: limit.sidecar,
      seen: spaced,
    });
  }

  /** Lines the page wrote to the browser's console. */
  get console(): readonly string[] {
    return this.#console;
  }

  async saveTrace(file: string): Promise<void> {
    if (!TRACED) return;
    await this.#context.tracing.stop({ path: file });
    await this.#context.tracing.start({ screenshots: true, snapshots: false });
  }

  async close(): Promise<void> {
    await this.#context.close();
  }
}
