// The page at /refrain in a real browser: what it shows, by keyboard, in both schemes, narrow.
import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

import { root } from '../bootstrap/places.mjs';
import { barriers } from '../harness/accessible.ts';
import { limit } from '../harness/limits.ts';
import { until } from '../harness/until.ts';
import { startBrowser } from '../workbench/window.ts';

const WIDE = { width: 1100, height: 900 };
const NARROW = { width: 320, height: 640 };
const within = { within: limit.editor };

/** The page over a real cache, in a process of its own. */
class Served {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly url: string;

  private constructor(child: ChildProcessWithoutNullStreams, url: string) {
    this.#child = child;
    this.url = url;
  }

  static async start(...args: string[]): Promise<Served> {
    const python = join(root, '.venv', 'bin', 'python');
    const child = spawn(python, ['-m', 'tests.serve.page_serving', ...args], { cwd: root });
    child.stderr.pipe(process.stderr);
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    return new Served(child, line.toString().trim());
  }

  get port(): string {
    return new URL(this.url).port;
  }

  /** One more request: `hit`, `miss`, `fly` or `land`. */
  say(...lines: string[]): void {
    this.#child.stdin.write(lines.map((line) => `${line}\n`).join(''));
  }

  /** Ends it, with whatever page is open. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.stdin.end();
    await once(this.#child, 'exit');
    assert.equal(this.#child.exitCode, 0);
  }
}

describe('the page of the proxy', () => {
  let folder: string;
  let browser: Browser;
  let used: Served;

  before(
    async () => {
      folder = await mkdtemp(join(tmpdir(), 'refrain-page-'));
      await mkdir(join(root, 'screenshots'), { recursive: true });
      used = await Served.start('--cache', join(folder, 'used'));
      browser = await startBrowser();
    },
    { timeout: limit.start },
  );
  after(async () => {
    await browser?.close();
    await used?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** A step on a page of its own, which may neither complain nor be refused anything. */
  function step(title: string, options: BrowserContextOptions, body: (page: Page) => Promise<void>): void {
    it(title, { timeout: limit.step }, async () => {
      const context = await browser.newContext({ viewport: WIDE, ...options });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(String(error)));
      await page.addInitScript(() =>
        document.addEventListener('securitypolicyviolation', (event) =>
          console.error(`refused by policy: ${event.violatedDirective} ${event.blockedURI}`),
        ),
      );
      page.setDefaultTimeout(limit.editor);
      try {
        await body(page);
      } catch (error) {
        await picture(page, `failed-${title.replaceAll(/\W+/g, '-')}`);
        throw error;
      } finally {
        await context.close();
      }
      // A server that is gone is what one step is about.
      assert.deepEqual(complaints.filter((text) => !/net::ERR_(CONNECTION|INCOMPLETE)/.test(text)), []);
    });
  }

  step('in light and dark', { colorScheme: 'light' }, async (page) => {
    await open(page, used);
    const light = await brightness(page);
    await picture(page, 'light');
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await brightness(page);
    await picture(page, 'dark');
    assert.ok(light > 200 && dark < 60, `${light} and ${dark}`);
    assert.match(await text(page, 'main'), /Hit rate\s+83%\s+364 of 438 that may be replayed/);
    assert.match(await text(page, 'main'), /Never a hit: RooCode\/3\.30 \(25 requests\)/);
    assert.match(await text(page, 'main'), /policy “all”, 17 of 93 requests passed on would have been replayed/);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    step(`nothing on it keeps anybody out, ${colorScheme}`, { colorScheme }, async (page) => {
      await open(page, used);
      used.say('fly');
      await page.locator('#in_flight tbody tr').first().waitFor();
      await page.getByText('The same as a table').press('Enter');
      assert.deepEqual(await barriers(page), []);
      // Of what lies below an open dialog nothing is looked at.
      for (const [button, dialog] of [['Explain', '#why'], ['Purge', '#ask']] as const) {
        await page.locator('#entries').getByRole('button', { name: button }).first().press('Enter');
        await page.locator(dialog).waitFor();
        assert.deepEqual(await barriers(page), []);
        await page.keyboard.press('Escape');
        await page.locator(dialog).waitFor({ state: 'hidden' });
      }
      used.say('land');
      const unused = await Served.start('--cache', join(folder, `unused-${colorScheme}`), '--unused');
      await open(page, unused);
      assert.deepEqual(await barriers(page), []);
      await unused.stop();
      await page.getByText(/^No contact since .*; trying again$/).waitFor();
      assert.deepEqual(await barriers(page), []);
    });
  }

  step('names that are markup stay text', {}, async (page) => {
    await open(page, used);
    assert.equal(await page.title(), 'Refrain');
    assert.equal(await page.locator('main img, main script').count(), 0);
    assert.match(await text(page, '#models'), /<img src=x onerror=/);
    assert.match(await text(page, '#entries'), /<img src=x onerror=/);
    assert.doesNotMatch(await text(page, 'main'), /\u202e/);
  });

  step('in 320 pixels nothing is cut off', { viewport: NARROW, colorScheme: 'light' }, async (page) => {
    await open(page, used);
    const wide = await page.evaluate(() =>
      [document.documentElement, ...document.querySelectorAll('.scroll')]
        .filter((element) => element.scrollWidth > element.clientWidth)
        .map((element) => `${element.id}: ${element.scrollWidth} in ${element.clientWidth}`),
    );
    assert.deepEqual(wide, []);
    await picture(page, 'narrow');
  });

  step('it follows what is asked, and the focus stays where it was', {}, async (page) => {
    await open(page, used);
    const focused = page.getByRole('button', { name: 'Purge … llama3.2:3b' });
    await focused.focus();
    const before = await requests(page, 'llama3.2:3b');
    used.say('hit', 'hit', 'miss', 'fly');
    await until('three more requests', async () => (await requests(page, 'llama3.2:3b')) === before + 3, within);
    assert.match(await text(page, '#in_flight'), /llama3\.2:3b\s*\/api\/chat\s*curl/);
    assert.ok(await focused.evaluate((element) => element === document.activeElement));
    used.say('land');
    await page.getByText('Upstream is answering nothing at the moment.').waitFor();
  });

  step('the chart has the same in numbers', {}, async (page) => {
    await open(page, used);
    await page.getByText('The same as a table').press('Enter');
    const hits = await page.locator('#minutes tbody td:nth-child(2)').allInnerTexts();
    const byClient = await page.locator('#clients tbody td:nth-child(3)').allInnerTexts();
    assert.equal(sum(hits), sum(byClient));
    const bars = await page.locator('#chart .hit').getAttribute('d');
    assert.equal(bars?.split('M').length, 1 + hits.filter((value) => value !== '0').length);
  });

  step('searching, explaining and purging by the keyboard alone', { colorScheme: 'dark' }, async (page) => {
    await open(page, used);
    await tabTo(page, '#search');
    await page.keyboard.type('/api/chat 57');
    await until('one entry', async () => (await text(page, '#found')) === '1 entry found', within);

    await tabTo(page, '#entries button >> nth=0');
    await page.keyboard.press('Enter');
    await page.getByText('asking now would be a hit').waitFor();
    await picture(page, 'explain', false);
    await page.keyboard.press('Enter');
    await page.locator('#why').waitFor({ state: 'hidden' });

    await tabTo(page, '#entries button >> nth=1');
    await page.keyboard.press('Enter');
    await page.locator('#ask').waitFor();
    assert.equal(await text(page, '#ask-what'), 'Purge /api/chat 57?');
    await picture(page, 'purge', false);
    await page.keyboard.press('Escape');
    await page.locator('#ask').waitFor({ state: 'hidden' });
    assert.equal(await page.locator('#entries tbody tr').count(), 1);

    await page.keyboard.press('Enter');
    await page.locator('#ask').waitFor();
    // What is safe has the focus.
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await until('the entry gone', async () => (await page.locator('#entries tbody tr').count()) === 0, within);
    assert.match(await text(page, '#found'), /^Purged 1 entry \(\d+ B\)\. 0 entries found$/);
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'entries-name');
  });

  step('a kind and a model are purged whole, and pages turned', {}, async (page) => {
    await open(page, used);
    await page.getByRole('button', { name: 'Next' }).click();
    await until('the second page', async () => /^26 to 50 of 60/.test(await text(page, '#found')), within);
    await page.getByLabel('Kind').selectOption('api_chat');
    await until('those of the kind', async () => (await text(page, '#found')) === '20 entries', within);
    await page.getByRole('button', { name: 'Purge this kind' }).click();
    await page.locator('#ask').waitFor();
    assert.match(await text(page, '#ask-what'), /^Purge 20 entries \(\d+ KiB\) of the kind api_chat\?$/);
    await page.getByRole('button', { name: 'Keep' }).click();
    await page.locator('#models').getByRole('button', { name: 'Purge … nomic-embed-text:latest' }).click();
    await page.locator('#ask').waitFor();
    assert.match(await text(page, '#ask-what'), /^Purge 40 entries \(\d+ KiB\) of the model nomic-embed-text/);
    await page.locator('#ask').getByRole('button', { name: 'Purge' }).click();
    await page.getByText(/^Purged 40 entries/).waitFor();
    await page.getByLabel('Kind').selectOption('all');
    await until('the rest', async () => (await text(page, '#found')) === '21 entries', within);
  });

  step('it says that contact was lost, and finds it again', {}, async (page) => {
    const first = await Served.start('--cache', join(folder, 'lost'));
    await open(page, first);
    await first.stop();
    await page.getByText(/^No contact since .*; trying again$/).waitFor();
    await picture(page, 'lost', false);
    const second = await Served.start('--cache', join(folder, 'lost'), '--port', first.port);
    await page.getByText('Live', { exact: true }).waitFor();
    await second.stop();
  });

  step('before the first request it says how to point a client at it', {}, async (page) => {
    const unused = await Served.start('--cache', join(folder, 'unused'), '--unused');
    await open(page, unused);
    assert.match(await text(page, '#empty'), new RegExp(`OLLAMA_HOST=${unused.url}`));
    assert.match(await text(page, '#empty'), /"options": \{"temperature": 0\}\}'/);
    assert.equal(await page.locator('#figures').isVisible(), false);
    await picture(page, 'empty');
    unused.say('miss');
    await page.locator('#figures').waitFor();
    assert.equal(await page.locator('#empty').isVisible(), false);
    await unused.stop();
  });
});

async function open(page: Page, { url }: Served): Promise<void> {
  await page.goto(`${url}/refrain`);
  await page.getByText('Live', { exact: true }).waitFor();
  await until('the entries', async () => /entr(y|ies)/.test(await text(page, '#found')), within);
}

async function text(page: Page, selector: string): Promise<string> {
  return page.locator(selector).innerText();
}

function sum(numbers: readonly string[]): number {
  return numbers.reduce((all, number) => all + Number(number), 0);
}

async function requests(page: Page, model: string): Promise<number> {
  const row = page.locator('#models').getByRole('row', { name: model });
  return Number(await row.locator('td').first().innerText());
}

/** Presses Tab until it stands there, and holds that this can be seen. */
async function tabTo(page: Page, selector: string): Promise<void> {
  const goal = page.locator(selector);
  for (let presses = 0; presses < 60; presses += 1) {
    if (await goal.evaluate((element) => element === document.activeElement)) break;
    await page.keyboard.press('Tab');
  }
  const outline = await goal.evaluate((element) =>
    element === document.activeElement ? getComputedStyle(element).outlineStyle : 'not focused',
  );
  assert.equal(outline, 'solid', selector);
}

/** Of the background, 0 to 255. */
async function brightness(page: Page): Promise<number> {
  const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const [red = 0, green = 0, blue = 0] = (colour.match(/\d+/g) ?? []).map(Number);
  return (red + green + blue) / 3;
}

async function picture(page: Page, name: string, fullPage = true): Promise<void> {
  await page.screenshot({ path: join(root, 'screenshots', `proxy-page-${name}.png`), fullPage });
}
