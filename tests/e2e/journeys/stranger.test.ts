// A person who has never seen Refrain, in an editor with an empty profile: no step that is not on screen.
import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { theSidecar } from '../harness/sidecars.ts';
import { journey, pictureForReaders } from '../harness/steps.ts';
import { EnrichmentPanel } from '../panels/enrichment-panel.ts';
import { makeAndRunRecipe } from '../panels/own-recipe.ts';
import { RecipePanel } from '../panels/recipe-panel.ts';
import { ReportPanel } from '../panels/report-panel.ts';
import { StatsPanel } from '../panels/stats-panel.ts';
import { THEMES } from '../workbench/themes.ts';
import type { ThemeKind } from '../workbench/webview.ts';

const TITLE = 'Get Started with Refrain';
const STEPS = ['Have a model', 'Enrich a text', 'See what it saves', 'Serve other programs', 'Make a recipe of your own'];
const DAY = 'The long walk along the river did me good, and I am looking forward to tomorrow.';

describe('a stranger, from the walkthrough to a recipe and the statistics', () => {
  const step = journey('stranger', { model: true, user: {} });

  step('the first window has no problem to report, and the walkthrough on its Welcome page', async ({ server, window }) => {
    await theSidecar(server);
    const walkthrough = window.walkthrough(TITLE);
    await walkthrough.open();
    assert.deepEqual(await walkthrough.titles(), STEPS);
    await window.quickPick.run('Problems: Focus on Problems View');
    assert.deepEqual(await window.problems(), []);
    await window.quickPick.run('View: Hide Panel');
    assert.deepEqual(await window.notifications.errors(), []);
  });

  step('the view of entries says in one button what to do first', async ({ window }) => {
    await window.activity('Refrain');
    await window.welcomeIs('Enrich Selection');
  });

  step('the model is there: that step is ticked off by itself', async ({ window }) => {
    await window.walkthrough(TITLE).isDone('Have a model');
  });

  step('a new file, a paragraph, Enrich Selection: a MISS, and the step is ticked off', async ({ window }) => {
    const walkthrough = window.walkthrough(TITLE);
    await walkthrough.press('Enrich a text', 'New File');
    await window.editor.tab('Untitled-1');
    await window.page.keyboard.type(DAY);
    await window.quickPick.run('Refrain: Enrich Selection');
    await new EnrichmentPanel(window).answer(/^MISS/);
    await walkthrough.back();
    await walkthrough.isDone('Enrich a text');
  });

  step('the same once more, by the keyboard: a HIT', async ({ window }) => {
    await window.editor.show('Untitled-1');
    await window.page.keyboard.press('ControlOrMeta+K');
    await window.page.keyboard.press('ControlOrMeta+G');
    await new EnrichmentPanel(window).answer(/^HIT/);
  });

  step('a recipe of one’s own runs as it comes, and the step is ticked off', async ({ workspace, window, note }) => {
    const walkthrough = window.walkthrough(TITLE);
    await walkthrough.back();
    const { recipe, answer } = await makeAndRunRecipe(window, walkthrough, { on: 'Untitled-1', workspace });
    note(answer);
    assert.match(recipe, /^---\ndescription:/);
    assert.notEqual(answer, '');
    await walkthrough.back();
    await walkthrough.isDone('Make a recipe of your own');
  });

  step('the statistics are one button away', async ({ window }) => {
    const walkthrough = window.walkthrough(TITLE);
    await walkthrough.back();
    await walkthrough.press('See what it saves', 'Show Cache Stats');
    const panel = new StatsPanel(window);
    await panel.waitFor();
    assert.ok((await panel.numbers()).hits >= 2);
    await walkthrough.back();
    await walkthrough.isDone('See what it saves');
  });

  step('in every theme nobody is shut out of any page', async ({ window, note, picture }) => {
    const [stats, enrichment] = [new StatsPanel(window), new EnrichmentPanel(window)];
    const [recipe, report] = [new RecipePanel(window), new ReportPanel(window)];
    const found: string[] = [];
    await window.quickPick.run('View: Toggle Primary Side Bar Visibility');
    await window.quickPick.run('View: Toggle Secondary Side Bar Visibility');
    for (const [theme, kind] of THEMES) {
      const look = async (page: string, panel: { barriers(theme: ThemeKind): Promise<string[]> }): Promise<void> => {
        const barriers = await panel.barriers(kind);
        barriers.forEach((barrier) => note(`${theme}, ${page}: ${barrier}`));
        found.push(...barriers);
        await picture(`${theme} ${page}`);
      };
      await window.theme(theme);
      await window.walkthrough(TITLE).back();
      await picture(`${theme} walkthrough`);
      await window.editor.show('Untitled-1');
      await window.quickPick.run('Refrain: Enrich Selection');
      await enrichment.answer(/^HIT/);
      await look('enrichment', enrichment);
      if (theme.endsWith('2026')) await pictureForReaders(await enrichment.page(), `enrich-${tone(theme)}`);
      await window.quickPick.runAndChoose('Refrain: Run Recipe…', /my-first$/);
      await recipe.answer(/^HIT/);
      await look('recipe', recipe);
      await window.quickPick.run('Refrain: Check Set-up');
      await report.lead(/Set-up/);
      await look('report', report);
      await window.quickPick.run('Refrain: Show Cache Stats');
      await stats.waitFor();
      await look('stats', stats);
      if (theme.endsWith('2026')) await pictureForReaders(await stats.page(), `stats-${tone(theme)}`);
    }
    assert.deepEqual(found, []);
  });
});

function tone(theme: string): 'dark' | 'light' {
  return theme.startsWith('Dark') ? 'dark' : 'light';
}
