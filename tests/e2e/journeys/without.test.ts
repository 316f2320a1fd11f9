// What a person reads when something that Refrain needs is missing.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from 'node:test';

import { limit } from '../harness/limits.ts';
import { freePort } from '../harness/ports.ts';
import { sidecars, theSidecar } from '../harness/sidecars.ts';
import { journey } from '../harness/steps.ts';
import { ReportPanel } from '../panels/report-panel.ts';
import { StatsPanel } from '../panels/stats-panel.ts';

const STATUS = 'refrain.refrain.refrain.status';

describe('without an engine', () => {
  const step = journey('no-engine', {
    config: async () => ({ inference: { engine: 'ollama', base_url: `http://127.0.0.1:${await freePort()}` } }),
  });

  step('Enrich Selection says that Ollama does not answer and what to do', async ({ server, window, note }) => {
    await theSidecar(server);
    await window.editor.open('reflections.md');
    await window.editor.selectLine(3);
    await window.quickPick.run('Refrain: Enrich Selection');
    const asked = Date.now();
    const message = await window.notifications.message(/ollama/i);
    note(`answered ${Date.now() - asked} ms after the command: ${message}`);
    assert.match(message, /127\.0\.0\.1/);
    assert.match(message, /ollama serve|start ollama|refrain models fetch/i);
    assert.deepEqual(await window.notifications.buttons(/ollama/i), [
      'Fetch Embedded Model',
      'Open Configuration',
      'Show Log',
    ]);
  });

  step('the status bar warns and its tooltip says why', async ({ window }) => {
    await window.notifications.clear();
    const item = window.statusBar(STATUS);
    await item.becomes('warning');
    await item.tooltipShows(/No engine/);
  });

  step('the Refrain view offers the one thing that helps without Ollama', async ({ window }) => {
    await window.activity('Refrain');
    await window.welcomeIs('Fetch Embedded Model');
  });

  step('Show Cache Stats answers all the same, and says that there is no engine', async ({ window }) => {
    await window.quickPick.run('Refrain: Show Cache Stats');
    const panel = new StatsPanel(window);
    await panel.shows({ entries: 0 });
    assert.match(await panel.problem(), /ollama/i);
  });

  step('Check CPU Threads, Purge Cache and Check Set-up answer all the same', async ({ window }) => {
    await window.quickPick.run('Refrain: Check CPU Threads');
    const report = new ReportPanel(window);
    assert.notEqual(await report.lead(/CPU/), '');
    await window.quickPick.runAndChoose('Refrain: Purge Cache…', /Everything$/);
    await window.notifications.message(/Nothing to purge/);
    await window.notifications.clear();
    await window.quickPick.run('Refrain: Check Set-up');
    assert.match(await report.lead(/Set-up/), /attention/);
    assert.match(await report.all(), /ollama/i);
  });

  step('Configure MCP… says what to install in this Python, and writes nothing', async ({ workspace, window }) => {
    await window.quickPick.runAndChoose('Refrain: Configure MCP…', /^\.vscode\/mcp\.json/);
    assert.match(await window.notifications.message(/needs the extra/), /pip install 'refrain-cache\[mcp\]'/);
    assert.equal(existsSync(join(workspace, '.vscode', 'mcp.json')), false);
  });
});

describe('without a Python that fits', () => {
  const step = journey('no-python', {
    path: pathWithAnOldPython,
    machine: { 'refrain.pythonPath': '/nowhere/python3' },
  });

  step('a message lists every candidate and why it will not do', async ({ server, window }) => {
    const message = await window.notifications.message(/python/i, limit.start);
    assert.match(message, /\/nowhere\/python3/);
    assert.match(message, /not found/);
    assert.match(message, /python3/);
    assert.match(message, /too old for us/);
    assert.match(message, /3\.11/);
    assert.ok((await window.notifications.buttons(/python/i)).includes('Set Python Path'));
    assert.deepEqual(sidecars(server), []);
  });

  step('the status bar warns, and Enrich Selection says the same', async ({ window }) => {
    await window.notifications.clear();
    await window.statusBar(STATUS).becomes('warning');
    await window.editor.open('reflections.md');
    await window.editor.selectLine(3);
    await window.quickPick.run('Refrain: Enrich Selection');
    assert.match(await window.notifications.message(/python/i), /\/nowhere\/python3/);
  });

  step('the Refrain view offers the one thing that helps', async ({ window }) => {
    await window.activity('Refrain');
    await window.welcomeIs('Set Python Path');
  });
});

/** The system's programs, but `python3` and `python` refuse as an interpreter that is too old would. */
async function pathWithAnOldPython(folder: string): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  for (const name of await readdir('/usr/bin')) {
    if (!name.startsWith('python')) await symlink(join('/usr/bin', name), join(bin, name));
  }
  for (const name of ['python3', 'python']) {
    await writeFile(join(bin, name), '#!/bin/sh\necho too old for us >&2\nexit 1\n', { mode: 0o755 });
  }
  return bin;
}
