// A journey and its steps: tests that leave a screenshot, and on failure all that may explain it.
import { cp, glob, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { Browser, Locator } from 'playwright-core';

import { root } from '../bootstrap/places.mjs';
import { startBrowser, Window } from '../workbench/window.ts';
import { CodeServer } from './code-server.ts';
import { limit } from './limits.ts';
import { Installation, type Sections } from './place.ts';

const SCREENSHOTS = join(root, 'screenshots');
/** Of a picture for readers, in pixels. */
const MOST_HIGH = 580;
const MARGIN = 20;

/** What a journey finds when it sets out; all that it names is made anew. */
export interface Scene {
  /** Replaces the PATH that leads to a Python, for a machine where none fits. */
  readonly path?: (folder: string) => Promise<string>;
  /** Fetches the embedded model, unless an earlier run did. */
  readonly model?: boolean;
  /** Keys of the configuration's sections that differ from the sample's. */
  readonly config?: () => Promise<Sections>;
  /** Puts more into the workspace before it is opened. */
  readonly prepare?: (workspace: string) => Promise<void>;
  /** Settings of the server's machine. */
  readonly machine?: Record<string, unknown>;
  /** A person's own settings, in place of those that keep VS Code's other features out of the way. */
  readonly user?: Record<string, unknown>;
  /** Asks whether the authors of the workspace are trusted, as VS Code does. */
  readonly asksForTrust?: boolean;
}

/** What a step works with: the scene once it is set. */
export interface Stage {
  readonly installation: Installation;
  readonly workspace: string;
  readonly server: CodeServer;
  readonly browser: Browser;
  readonly window: Window;
}

/** What a step may leave beside its result: a line in the report, a picture on the way. */
export interface Witness {
  note(text: string): void;
  picture(name?: string): Promise<void>;
}

export type Step = (title: string, body: (on: Stage & Witness) => Promise<void>) => void;

/**
 * Sets the scene before the first step, clears it away after the last, and returns what declares a
 * step. Steps run in order; each begins where the one before it ended. After one that failed the
 * rest are skipped: they would only fail for its reason, each after a long wait.
 */
export function journey(name: string, scene: Scene = {}): Step {
  const stage: Partial<Writable<Stage>> = {};
  before(() => set(stage, name, scene), { timeout: limit.install });
  after(async () => {
    await stage.window?.close();
    await stage.browser?.close();
    await stage.server?.stop();
    await stage.installation?.remove();
  });

  let number = 0;
  let failed: string | undefined;
  return (title, body) => {
    number += 1;
    const file = `${name}-${String(number).padStart(2, '0')}-${slug(title)}`;
    it(title, { timeout: limit.step }, async (test) => {
      if (failed !== undefined) {
        test.skip(`“${failed}” failed before it`);
        return;
      }
      try {
        await body({
          ...(stage as Stage),
          note: (text) => test.diagnostic(text),
          picture: (what = 'on the way') => screenshot(stage, `${file}-${slug(what)}`),
        });
      } catch (error) {
        failed = title;
        await keepEvidence(stage, file);
        throw error;
      }
      await screenshot(stage, file);
    });
  };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Part by part, so that a scene that cannot be set is cleared away as far as it was. */
async function set(stage: Partial<Writable<Stage>>, name: string, scene: Scene): Promise<void> {
  stage.installation = await Installation.make(scene.path);
  if (scene.model) await stage.installation.fetchModel();
  stage.workspace = await stage.installation.workspace(name, await scene.config?.());
  await scene.prepare?.(stage.workspace);
  stage.server = await CodeServer.start(stage.installation, scene);
  stage.browser = await startBrowser();
  stage.window = await Window.open(stage.browser, stage.server.address, stage.workspace);
}

async function screenshot({ window }: Partial<Stage>, name: string): Promise<void> {
  // Not in the middle of a message that slides in.
  await window?.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: 'disabled' });
}

/** The picture of the window now, in the folder that the documentation shows. */
export async function screenshotForReaders(window: Window): Promise<void> {
  if (process.env['REFRAIN_E2E_DOCS'] !== '1') return;
  await mkdir(join(root, 'docs'), { recursive: true });
  await window.page.screenshot({ path: join(root, 'docs', 'screenshot.png'), animations: 'disabled' });
}

/** The upper part of a page, as the walkthrough and the README of the extension show it. */
export async function pictureForReaders(part: Locator, name: string): Promise<void> {
  if (process.env['REFRAIN_E2E_DOCS'] !== '1') return;
  const box = await part.boundingBox();
  if (box === null) throw new Error(`Nothing to be seen for ${name}`);
  const clip = {
    x: box.x - MARGIN,
    y: box.y - MARGIN,
    width: box.width + 2 * MARGIN,
    height: Math.min(box.height + MARGIN, MOST_HIGH),
  };
  const path = join(root, 'extension', 'media', 'walkthrough', `${name}.png`);
  await part.page().screenshot({ path, clip, animations: 'disabled' });
}

async function keepEvidence({ window, server }: Partial<Stage>, name: string): Promise<void> {
  const folder = join(SCREENSHOTS, 'failures', name);
  await mkdir(folder, { recursive: true });
  if (window) {
    await window.page.screenshot({ path: join(folder, 'window.png') });
    await writeFile(join(folder, 'browser-console.log'), window.console.join('\n'));
    await window.saveTrace(join(folder, 'trace.zip'));
  }
  if (server) {
    const place = server.place.folder;
    await cp(join(place, 'code-server.log'), join(folder, 'code-server.log'));
    const logs = join(place, 'user-data', 'logs');
    for await (const log of glob('**/exthost*/**/*.log', { cwd: logs })) {
      await cp(join(logs, log), join(folder, 'logs', log));
    }
  }
  console.log(`What was seen when it failed: ${folder}`);
}

function slug(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 60)
    .replaceAll(/^-|-$/g, '');
}
