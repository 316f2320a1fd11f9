// A step of a journey: a test that leaves a screenshot, and on failure all that may explain it.
import { cp, glob, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';

import { root } from '../bootstrap/places.mjs';
import type { Window } from '../workbench/window.ts';
import type { CodeServer } from './code-server.ts';
import { limit } from './limits.ts';

const SCREENSHOTS = join(root, 'screenshots');

/** What a step works with; filled in by the journey's own preparation. */
export interface Journey {
  readonly name: string;
  server?: CodeServer;
  window?: Window;
}

/** What a step may leave beside its result: a line in the report, a picture on the way. */
export interface Witness {
  note(text: string): void;
  picture(): Promise<void>;
}

export type Step = (title: string, body: (witness: Witness) => Promise<void>) => void;

/**
 * Steps of one journey run in order; each begins where the one before it ended. After one that
 * failed the rest are skipped: they would only fail for its reason, each after a long wait.
 */
export function stepsOf(journey: Journey): Step {
  let number = 0;
  let failed: string | undefined;
  return (title, body) => {
    number += 1;
    const name = `${journey.name}-${String(number).padStart(2, '0')}-${slug(title)}`;
    it(title, { timeout: limit.step }, async (test) => {
      if (failed !== undefined) {
        test.skip(`“${failed}” failed before it`);
        return;
      }
      try {
        await body({
          note: (text) => test.diagnostic(text),
          picture: () => screenshot(journey, `${name}-on-the-way`),
        });
      } catch (error) {
        failed = title;
        await keepEvidence(journey, name);
        throw error;
      }
      await screenshot(journey, name);
    });
  };
}

async function screenshot({ window }: Journey, name: string): Promise<void> {
  await window?.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

/** The picture of the window now, in the folder that the documentation shows. */
export async function screenshotForReaders(window: Window): Promise<void> {
  if (process.env['REFRAIN_E2E_DOCS'] !== '1') return;
  await mkdir(join(root, 'docs'), { recursive: true });
  await window.page.screenshot({ path: join(root, 'docs', 'screenshot.png') });
}

async function keepEvidence({ window, server }: Journey, name: string): Promise<void> {
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
