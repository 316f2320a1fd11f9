// The main job, as a person does it: the VSIX installed into an editor whose Python has none of our
// packages, a real model, and the same text twice.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from 'node:test';

import { contrast, distance } from '../harness/colour.ts';
import { limit } from '../harness/limits.ts';
import { RED } from '../harness/picture.ts';
import { cpuMs, isAlive, type Process } from '../harness/processes.ts';
import { cpuUntilIdle, engines, sidecars, theSidecar } from '../harness/sidecars.ts';
import { journey, screenshotForReaders } from '../harness/steps.ts';
import { cpu, storedStats } from '../harness/truth.ts';
import { until } from '../harness/until.ts';
import { onTheWheel } from '../harness/wheel.ts';
import { EnrichmentPanel, type ShownAnswer } from '../panels/enrichment-panel.ts';
import { ReportPanel } from '../panels/report-panel.ts';
import { StatsPanel } from '../panels/stats-panel.ts';
import type { StatusBarItem } from '../workbench/status-bar.ts';
import { THEMES } from '../workbench/themes.ts';
import type { Window } from '../workbench/window.ts';

const GRATEFUL = 3;
const ANGRY = 5;
/** Bar: an extension host killed with SIGKILL leaves no sidecar after this many ms. */
const ORPHANS_GONE_MS = 3000;

describe('a reflection, from its selection to its cached answer', () => {
  const step = journey('reflection', { model: true });
  let first: ShownAnswer;
  /** The processor time that an answer of both stages takes the engine. */
  let wholeCpuMs: number;

  step('the sidecar runs in a Python with none of our packages', async ({ installation, server, window }) => {
    const sidecar = await theSidecar(server);
    assert.equal(sidecar.command[0], installation.python);
    await status(window).shows(/^–$/);
    await status(window).tooltipShows(/no lookup in this session yet/);
  });

  step('Show Cache Stats opens the panel on an empty cache', async ({ installation, workspace, window }) => {
    const panel = await showStats(window);
    await panel.shows({ hits: 0, misses: 0, coalesced: 0, entries: 0, bytes: 0 });
    assert.equal((await storedStats(installation, workspace)).entries, 0);
  });

  step('Enrich Selection gives a real model’s answer: a MISS, on the wheel', async ({ installation, server, window, note }) => {
    await enrich(window, GRATEFUL);
    first = await new EnrichmentPanel(window).answer(/^MISS/);
    note(`${first.wheel.join(' › ')}; ${first.stages.join(', ')}; ${first.engine}`);
    assert.ok(await onTheWheel(installation, first.wheel), `${first.wheel.join('/')} is not on the wheel`);
    assert.match(first.stages[1], /^MISS/);
    assert.match(first.engine, /embedded.*smollm2/i);
    assert.equal(first.poem.length, 3);
    assert.equal(first.tips.length, 3);
    assert.notEqual(first.closing, '');
    assert.equal(engines(server).length, 1);
  });

  step('the same selection again is a HIT with the same answer', async ({ window }) => {
    await enrich(window, GRATEFUL);
    const second = await new EnrichmentPanel(window).answer(/^HIT/);
    assert.match(second.stages[1], /^HIT/);
    assert.deepEqual({ ...second, stages: [] }, { ...first, stages: [] });
  });

  step('the status bar follows: two hits of four lookups', async ({ window }) => {
    await status(window).shows(/^50%$/);
    const tooltip = await status(window).tooltipShows(/Engine: embedded/);
    assert.match(tooltip, /Stage 1\s+1\s+1\s+50%/);
    assert.match(tooltip, /Stage 2\s+1\s+1\s+50%/);
  });

  step('another text is a MISS, and the rate follows', async ({ installation, window }) => {
    await enrich(window, ANGRY);
    const other = await new EnrichmentPanel(window).answer(/^MISS/);
    assert.ok(await onTheWheel(installation, other.wheel), `${other.wheel.join('/')} is not on the wheel`);
    // Stage 2 is keyed on the feelings, which both texts may share.
    const hits = 2 + Number(/^HIT/.test(other.stages[1]));
    await status(window).shows(new RegExp(`^${Math.round((hits / 6) * 100)}%$`));
  });

  step('the panel’s numbers are those of the command line on the same cache file', async ({ installation, workspace, window, note }) => {
    const panel = await showStats(window);
    await panel.chooseWindow('all');
    const { hits, misses, entries, bytes } = await panel.numbers();
    const stored = await storedStats(installation, workspace);
    note(`${hits} hits, ${misses} misses, ${entries} entries, ${bytes} bytes`);
    assert.deepEqual(
      { hits, misses, entries, bytes },
      {
        hits: stored.hitsMemory + stored.hitsDisk + stored.hitsShared,
        misses: stored.misses,
        entries: stored.entries,
        bytes: stored.bytes,
      },
    );
    assert.equal(hits + misses, 6);
    assert.equal(entries, misses);
  });

  step('the tree lists the entries without their texts', async ({ window }) => {
    await window.activity('Refrain');
    const rows = await until(
      'the two kinds and their entries',
      async () => {
        const all = await window.treeRows();
        return ['Stage 1', 'Stage 2', first.wheel[0]].every((shown) => all.some((row) => row.includes(shown))) && all;
      },
      { within: limit.sidecar, seen: () => window.treeRows() },
    );
    assert.doesNotMatch(rows.join('\n'), /beautiful day/);
  });

  step('in every theme hits and misses are told apart, and their names can be read', async ({ window, note, picture }) => {
    for (const [theme, kind] of THEMES) {
      await window.theme(theme);
      const { hit, miss, ground } = await new StatsPanel(window).colours(kind);
      const badge = await new EnrichmentPanel(window).outcomeColours(1, kind);
      const seen = { apart: distance(hit, miss), hit: contrast(hit, ground), miss: contrast(miss, ground) };
      const read = contrast(badge.ink, badge.ground);
      const told = Object.entries({ ...seen, read }).map(([what, value]) => `${what} ${value.toFixed(1)}`);
      note(`${theme}: ${told.join(', ')}`);
      await picture(theme);
      assert.ok(seen.apart >= 30 && seen.hit >= 3 && seen.miss >= 3, `${theme}: ${told.join(', ')}`);
      assert.ok(read >= 4.5, `${theme}: the outcome’s name has a contrast of ${read.toFixed(1)}`);
    }
  });

  step('the panel follows a third enrichment, another HIT', async ({ window }) => {
    const panel = new StatsPanel(window);
    const { hits, misses } = await panel.numbers();
    await enrich(window, GRATEFUL);
    await new EnrichmentPanel(window).answer(/^HIT/);
    await (await showStats(window)).shows({ hits: hits + 2, misses });
    await screenshotForReaders(window);
    await window.activity('Explorer');
  });

  step('Explain Last Miss says that the text was never seen', async ({ window }) => {
    await window.quickPick.run('Refrain: Explain Last Miss');
    const report = new ReportPanel(window);
    assert.match(await report.lead(/Last Miss/), /not been asked before/i);
    assert.match(await report.value('cause'), /never seen/i);
    assert.match(await report.value('key'), /^[0-9a-f]{64}$/);
  });

  step('Check CPU Threads shows what psutil says', async ({ installation, window, note }) => {
    await window.quickPick.run('Refrain: Check CPU Threads');
    const report = new ReportPanel(window);
    assert.doesNotMatch(await report.lead(/CPU/), /`/);
    assert.match(await report.value('measured'), /not calibrated yet/);
    const true_ = await cpu(installation);
    note(JSON.stringify(true_));
    assert.equal(await report.value('logical'), String(true_.logical));
    assert.equal(await report.value('physical'), String(true_.physical ?? true_.logical));
    assert.equal(await report.value('affinity'), String(true_.affinity));
    assert.equal(await report.value('configured'), 'auto');
    const advised = Number(await report.value('advised'));
    assert.ok(advised >= 1 && advised <= true_.affinity, `${advised} threads advised`);
  });

  step('Tasks: Run Task → Show Cache Stats prints in the terminal', async ({ installation, workspace, window }) => {
    await window.quickPick.runAndChoose('Tasks: Run Task', /refrain$/, /Show Cache Stats$/);
    const { entries } = await storedStats(installation, workspace);
    const screen = await window.terminal.shows(/hit rate/i);
    assert.match(screen, new RegExp(`${entries} entries`));
    assert.match(screen, /stage1_enrichment/);
  });

  step('Open Configuration opens the file; a bad value is reported on its line', async ({ workspace, window, picture }) => {
    await window.quickPick.run('Refrain: Open Configuration');
    await window.editor.tab('perf_config.json');
    const file = join(workspace, 'config', 'perf_config.json');
    const lines = (await readFile(file, 'utf8')).split('\n');
    const at = lines.findIndex((line) => line.includes('"temperature"'));
    const good = lines[at] ?? '';
    await window.editor.replaceLine(at + 1, good.replace(/[\d.]+/, '9'));
    await window.quickPick.run('Problems: Focus on Problems View');
    // One from the sidecar, which reads the saved file, one from the schema that the VSIX contributes.
    const problem = await window.problem(/refrain\s+inference\.temperature/);
    assert.match(problem, new RegExp(`Ln ${at + 1},`));
    assert.match(problem, /last good configuration stays in force/);
    assert.match(await window.problem(/maximum/i), new RegExp(`Ln ${at + 1},`));
    await picture();

    await window.editor.open('perf_config.json');
    await window.editor.replaceLine(at + 1, good);
    await until('the problems to go', async () => (await window.problems()).length === 0, {
      within: limit.sidecar,
      seen: () => window.problems(),
    });
    await window.quickPick.run('View: Hide Panel');
  });

  step('an edit of the configuration applies without a restart', async ({ workspace, server, window }) => {
    const sidecar = await theSidecar(server);
    const file = join(workspace, 'config', 'perf_config.json');
    const lines = (await readFile(file, 'utf8')).split('\n');
    const at = lines.findIndex((line) => line.includes('"enabled"'));
    const on = lines[at] ?? '';
    await window.editor.open('perf_config.json');
    await window.editor.replaceLine(at + 1, on.replace('true', 'false'));
    const panel = await showStats(window);
    await panel.stateIs(/off/);
    await window.editor.open('perf_config.json');
    await window.editor.replaceLine(at + 1, on);
    await showStats(window);
    await panel.stateIs(/on/);
    assert.ok(isAlive(sidecar));
  });

  step('Choose Model… marks the model in use, and writes another choice down', async ({ workspace, window }) => {
    const file = join(workspace, 'config', 'perf_config.json');
    const chosen = async () => (JSON.parse(await readFile(file, 'utf8')) as { inference: { engine: string } }).inference.engine;
    await window.quickPick.runAndChoose('Refrain: Choose Model…', /Automatic$/);
    assert.match(await window.notifications.message(/Written to/), /perf_config\.json/);
    assert.equal(await chosen(), 'auto');
    await window.notifications.clear();
    await window.quickPick.runAndChoose('Refrain: Choose Model…', /smollm2:135m$/);
    await window.notifications.message(/Written to/);
    assert.equal(await chosen(), 'embedded');
    await window.notifications.clear();
    await status(window).tooltipShows(/Engine: embedded · smollm2:135m/);
  });

  step('Restart Sidecar starts another, which finds the answer on disk', async ({ server, window }) => {
    const before = await theSidecar(server);
    await window.quickPick.run('Refrain: Restart Sidecar');
    await theSidecar(server, before);
    await until('the former sidecar to end', () => !isAlive(before), { within: limit.editor });
    await enrich(window, GRATEFUL);
    const again = await new EnrichmentPanel(window).answer(/^HIT \(disk\)/);
    assert.deepEqual({ ...again, stages: [] }, { ...first, stages: [] });
  });

  step('a HIT is shown without a notification', async ({ window }) => {
    await window.notifications.clear();
    const notified = await window.notifications.watch();
    await enrich(window, GRATEFUL);
    await new EnrichmentPanel(window).answer(/^HIT \(memory\)/);
    assert.deepEqual(await notified(), []);
  });

  step('Enrich Afresh fills the panel line by line, and nothing moves or lies over it', async ({ server, window, note, picture }) => {
    const [engine] = engines(server);
    assert.ok(engine);
    await cpuUntilIdle(engine);
    const before = cpuMs(engine);
    const panel = new EnrichmentPanel(window);
    const seen = await panel.watch();
    const writing = async () => (await seen()).filter(({ state }) => state === 'writing');
    await panel.again();
    await until('two lines of Stage 2', async () => (await writing()).length > 2, { within: limit.model, seen });
    await window.notifications.gone();
    assert.equal((await seen()).at(-1)?.state, 'writing', 'a message lay over it until it was whole');
    await picture('the first lines');
    const whole = await panel.answer(/^MISS/);
    await cpuUntilIdle(engine);
    wholeCpuMs = cpuMs(engine) - before;
    const page = [...whole.poem, ...whole.tips, whole.closing];
    const states = await writing();
    const counts = states.map(({ lines }) => lines.filter((line) => line !== '').length);
    note(`lines: ${counts.join(', ')}; stage 1: ${states[0]?.stage1}`);
    assert.deepEqual(counts, [0, 1, 2, 3, 4, 5, 6, 7]);
    for (const { lines, stage1 } of states) {
      assert.match(stage1, /^MISS/);
      // The punctuation that ends a line may go when the page is whole.
      lines.forEach((line, at) => assert.ok(line === '' || line === page[at] || line.replace(/[,;]+$/, '') === page[at], line));
    }
    const feet = new Set((await seen()).map(({ foot }) => foot));
    assert.equal(feet.size, 1, `what follows the lines moved: ${[...feet].join(', ')}`);
  });

  step('Cancel in the panel stops the engine in the middle of a page, and nothing of it is kept', async ({ server, window, note, picture }) => {
    const panel = new EnrichmentPanel(window);
    const kept = await panel.answer(/./);
    const [engine] = engines(server);
    assert.ok(engine);
    await panel.again();
    await panel.cancel();
    const cpu = await cpuUntilIdle(engine);
    await panel.stateIs('cancelled');
    await picture();
    note(`${cpu} ms of the processor's time after Cancel, ${wholeCpuMs} ms a whole answer`);
    assert.ok(cpu < wholeCpuMs / 4);
    assert.deepEqual(await window.notifications.errors(), []);
    await enrich(window, GRATEFUL);
    const again = await panel.answer(/^HIT/);
    assert.deepEqual({ ...again, stages: [] }, { ...kept, stages: [] });
  });

  step('a picture is refused with a sentence: the embedded model sees none', async ({ workspace, window }) => {
    await writeFile(join(workspace, 'red.png'), RED);
    await window.explorer.choose('red.png', 'Describe Image');
    const message = await window.notifications.message(/sees no pictures/, limit.model);
    assert.match(message, /refrain models use/);
    await window.notifications.clear();
  });

  step('Cancel in the notification of Warm Cache stops the engine', async ({ server, window, note, picture }) => {
    const [engine] = engines(server);
    assert.ok(engine);
    const before = cpuMs(engine);
    await window.quickPick.runAndChoose('Refrain: Warm Cache…', /Common feelings$/);
    await window.notifications.message(/common feelings|Warming|\d+ of \d+/i);
    await until('the engine to work', () => cpuMs(engine) > before + wholeCpuMs, { within: limit.model });
    await picture();
    await window.notifications.press(/./, 'Cancel');
    const cpu = await cpuUntilIdle(engine);
    note(`${cpu} ms of the processor's time after Cancel`);
    assert.ok(cpu < wholeCpuMs / 4);
    await window.notifications.gone();
  });

  step('a sidecar that is killed comes back', async ({ installation, workspace, server, window }) => {
    const before = await theSidecar(server);
    process.kill(before.pid, 'SIGKILL');
    await theSidecar(server, before);
    const { entries } = await storedStats(installation, workspace);
    const panel = await showStats(window);
    await panel.chooseWindow('session');
    await panel.shows({ hits: 0, misses: 0, entries });
  });

  step('Purge Cache says how many go, and empties', async ({ installation, workspace, window, picture }) => {
    const { entries } = await storedStats(installation, workspace);
    await window.quickPick.runAndChoose('Refrain: Purge Cache…', /Everything$/);
    assert.match(await window.dialog.text(), new RegExp(`Purge ${entries} entries`));
    await picture();
    await window.dialog.press(/^Purge$/);
    assert.match(await window.notifications.message(/Purged/), new RegExp(`Purged ${entries} entries`));
    await window.notifications.clear();
    assert.equal((await storedStats(installation, workspace)).entries, 0);
    await (await showStats(window)).shows({ entries: 0, bytes: 0 });
    await enrich(window, GRATEFUL);
    await new EnrichmentPanel(window).answer(/^MISS/);
    await window.quickPick.run('Refrain: Explain Last Miss');
    const report = new ReportPanel(window);
    await report.lead(/Last Miss/);
    assert.match(await report.all(), /purged/i);
  });

  step('killing the extension host leaves neither sidecar nor engine', async ({ server, note }) => {
    const orphans: Process[] = [...sidecars(server), ...engines(server)];
    assert.equal(orphans.length, 2, 'a sidecar and its engine run');
    const [host] = server.extensionHosts();
    assert.ok(host);
    const killed = Date.now();
    process.kill(host.pid, 'SIGKILL');
    try {
      await until('the sidecar and its engine to end', () => !orphans.some(isAlive), {
        within: ORPHANS_GONE_MS,
        seen: () => orphans.filter(isAlive).map(({ command }) => command.join(' ')),
      });
      note(`gone after ${Date.now() - killed} ms`);
    } finally {
      // Nobody else can find them: they belong to no server any more.
      for (const one of orphans.filter(isAlive)) process.kill(one.pid, 'SIGKILL');
    }
  });
});

function status(window: Window): StatusBarItem {
  return window.statusBar('refrain.refrain.refrain.status');
}

async function enrich(window: Window, line: number): Promise<void> {
  await window.editor.open('reflections.md');
  await window.editor.selectLine(line);
  await window.quickPick.run('Refrain: Enrich Selection');
}

async function showStats(window: Window): Promise<StatsPanel> {
  await window.quickPick.run('Refrain: Show Cache Stats');
  const panel = new StatsPanel(window);
  await panel.waitFor();
  return panel;
}
