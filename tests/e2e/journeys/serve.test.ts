// Other programs' way to the cache: the editor serves, and what they ask twice comes back at once.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from 'node:test';

import { limit } from '../harness/limits.ts';
import { freePort } from '../harness/ports.ts';
import { theSidecar } from '../harness/sidecars.ts';
import { journey } from '../harness/steps.ts';
import { storedStats } from '../harness/truth.ts';
import { until } from '../harness/until.ts';
import { StatsPanel } from '../panels/stats-panel.ts';
import type { StatusBarItem } from '../workbench/status-bar.ts';
import type { Window } from '../workbench/window.ts';

const SERVE = 'Refrain: Serve Ollama Through the Cache';

describe('Ollama served through the cache', () => {
  const port = freePort();
  const address = async (): Promise<string> => `http://127.0.0.1:${await port}`;
  const step = journey('serve', {
    model: true,
    config: async () => ({ serve: { port: await port, upstream: 'embedded' } }),
  });
  let answer: string;

  step('the command starts it, and says where programs find it', async ({ server, window, picture }) => {
    await theSidecar(server);
    await window.quickPick.run(SERVE);
    const message = await window.notifications.message(/Serving the embedded engine/, limit.model);
    assert.ok(message.includes(await address()), message);
    assert.deepEqual(await window.notifications.buttons(/Serving/), ['Copy Address', 'Open Page']);
    await status(window).says(new RegExp(`serving at ${await address()}$`));
    await status(window).becomes('plain');
    await picture('the message');
    await window.notifications.clear();
  });

  step('what is asked twice is replayed, byte for byte', async ({ installation, workspace, window, note }) => {
    const first = await ask(await address());
    // Before it is kept, who asks the same joins the first.
    await until('the answer to be kept', async () => (await storedStats(installation, workspace)).entries === 1, {
      within: limit.sidecar,
    });
    const second = await ask(await address());
    note(`${first.took.toFixed(0)} ms, then ${second.took.toFixed(1)} ms: ${second.state}`);
    assert.match(first.state, /fwd=/);
    assert.match(second.state, /^refrain; hit/);
    assert.equal(second.text, first.text);
    answer = first.text;
    const tooltip = await status(window).tooltipShows(/1 hit, 1 miss, 0 passed/);
    assert.ok(tooltip.includes(await address()), tooltip);
  });

  step('the panel shows its figures, and follows', async ({ window }) => {
    await window.quickPick.run('Refrain: Show Cache Stats');
    const panel = new StatsPanel(window);
    const { saved, ...shown } = await panel.proxyWith(1);
    assert.deepEqual(shown, {
      address: await address(),
      upstream: 'in front of the embedded engine',
      misses: 1,
      passed: 0,
    });
    assert.ok(saved > 0);
    await ask(await address());
    await panel.proxyWith(2);
    await status(window).tooltipShows(/2 hits/);
  });

  step('while it runs, the command offers to stop it', async ({ window }) => {
    await window.quickPick.runAndChoose(SERVE, /Stop$/);
    await status(window).says(/%$/);
    await new StatsPanel(window).noProxy();
    await assert.rejects(ask(await address()), /fetch failed/);
  });

  step('with the setting refrain.serve it runs, and comes back with another sidecar', async ({ server, window }) => {
    const file = join(server.place.folder, 'user-data', 'Machine', 'settings.json');
    const settings = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    await writeFile(file, JSON.stringify({ ...settings, 'refrain.serve': true }));
    await status(window).says(/serving at/);

    const before = await theSidecar(server);
    await window.quickPick.run('Refrain: Restart Sidecar');
    await theSidecar(server, before);
    const again = await until('an answer of the new sidecar', async () => ask(await address()).catch(() => undefined), {
      within: limit.start,
    });
    assert.match(again.state, /^refrain; hit/);
    assert.equal(again.text, answer);
    await status(window).says(/serving at/);
  });
});

/** What a program asks that knows nothing of Refrain. */
async function ask(address: string): Promise<{ text: string; state: string; took: number }> {
  const began = performance.now();
  const response = await fetch(`${address}/api/chat`, {
    method: 'POST',
    body: JSON.stringify({
      model: 'smollm2:135m',
      messages: [{ role: 'user', content: 'Name three colours of autumn.' }],
      options: { temperature: 0, num_predict: 24 },
    }),
  });
  const text = await response.text();
  assert.ok(response.ok, text);
  return { text, state: response.headers.get('cache-status') ?? '', took: performance.now() - began };
}

function status(window: Window): StatusBarItem {
  return window.statusBar('refrain.refrain.refrain.status');
}
