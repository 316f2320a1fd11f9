// A prompt of one's own: made in the editor, run on a selection, streamed, put in its place, replayed.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from 'node:test';

import { elsewhere } from '../harness/elsewhere.ts';
import { limit } from '../harness/limits.ts';
import { cpuMs } from '../harness/processes.ts';
import { cpuUntilIdle, engines, theSidecar } from '../harness/sidecars.ts';
import { journey } from '../harness/steps.ts';
import { until } from '../harness/until.ts';
import { RecipePanel } from '../panels/recipe-panel.ts';
import type { Window } from '../workbench/window.ts';

const NAME = 'one-line';
const FILE = `${NAME}.recipe.md`;
// Its answer must not be the text itself, which would be found again where it was replaced. On one
// line each: an editor would indent further what is typed after an indented line.
const RECIPE = `---
description: A text in one line
options: { temperature: 0, num_predict: 200, stop: ["\\n"] }
---
## user
\${selection} What happens next, as \${input:tone:the tone to say it in}?
`;
const LONG = 'long-story';
// Without chance and penalty a model this small goes round in circles and never ends by itself.
const LONG_RECIPE = `---
description: A story that takes its time
options: { temperature: 0, repeat_penalty: 1, num_predict: 1500 }
---
Write a very long story, of many chapters, about this: \${text}
`;
const EVERYWHERE = 'title';
const EVERYWHERE_RECIPE = `---
options: { temperature: 0, num_predict: 60, stop: ["\\n"] }
---
Answer with a title of three words for: \${text}
`;
const SELECTED = 3;

describe('a recipe, from its first line to its replayed answer', () => {
  const step = journey('recipe', { model: true });
  let answer: string;

  step('New Recipe… asks for a name and opens a file that can be run as it is', async ({ server, workspace, window }) => {
    await theSidecar(server);
    await window.quickPick.runAndType('Refrain: New Recipe…', NAME);
    await window.editor.tab(FILE);
    const text = await readFile(join(workspace, '.refrain', 'recipes', FILE), 'utf8');
    assert.match(text, /^---\ndescription:/);
    await window.quickPick.run('Problems: Focus on Problems View');
    assert.deepEqual(await window.problems(), []);
  });

  step('what is wrong with it is said on its line while it is typed', async ({ window, picture }) => {
    await window.editor.open(FILE);
    await window.editor.replaceAll(RECIPE.replace('temperature', 'temprature').replace('${selection}', '${selected}'));
    assert.match(await window.problem(/did you mean 'temperature'/), /Ln 3,/);
    assert.match(await window.problem(/unknown variable \$\{selected\}/), /Ln 6,/);
    await window.activity('Refrain');
    await rowShows(window, NAME, /line 3: options\.temprature/);
    await picture();
    await window.editor.open(FILE);
    await window.editor.replaceAll(RECIPE);
    await until('the problems to go', async () => (await window.problems()).length === 0, {
      within: limit.sidecar,
      seen: () => window.problems(),
    });
    await window.quickPick.run('View: Hide Panel');
  });

  step('the view lists it beside those that Refrain brings', async ({ window }) => {
    await rowShows(window, NAME, /nothing stored/);
    for (const name of ['commit-message', 'explain-code', 'summarise', 'translate']) {
      await rowShows(window, name, /nothing stored/);
    }
    assert.match((await window.treeRow(NAME).getAttribute('aria-label')) ?? '', /^Recipe one-line, this workspace, nothing stored/);
  });

  step('Run Recipe… asks for its input and gives a real model’s answer: a MISS', async ({ server, window, note }) => {
    await select(window);
    await runRecipe(window, NAME, 'a headline');
    const panel = new RecipePanel(window);
    answer = await panel.answer(/^MISS/);
    note(answer);
    assert.equal(await panel.recipe(), NAME);
    assert.notEqual(answer, '');
    assert.deepEqual(await panel.enabled(), ['replace', 'insert', 'copy', 'again']);
    assert.equal(engines(server).length, 1);
  });

  step('the same again is a HIT with the same answer, without a message', async ({ window }) => {
    const notified = await window.notifications.watch();
    await select(window);
    await runRecipe(window, NAME, 'a headline');
    assert.equal(await new RecipePanel(window).answer(/^HIT/), answer);
    assert.deepEqual(await notified(), []);
  });

  step('the view says what it was worth', async ({ window }) => {
    await rowShows(window, NAME, /50% hits, just now/);
  });

  step('from seven places it is one entry, one miss and six hits', async ({ installation, workspace, window, note }) => {
    await window.quickPick.runAndType('Refrain: New Recipe…', EVERYWHERE);
    await window.editor.tab(`${EVERYWHERE}.recipe.md`);
    await window.editor.replaceAll(EVERYWHERE_RECIPE);
    await saved(window, join(workspace, '.refrain', 'recipes', `${EVERYWHERE}.recipe.md`), EVERYWHERE_RECIPE);
    await select(window);
    await runRecipe(window, EVERYWHERE);
    const here = await new RecipePanel(window).answer(/^MISS/);
    const lines = (await readFile(join(workspace, 'reflections.md'), 'utf8')).split('\n');
    const came = await elsewhere(workspace, EVERYWHERE, lines[SELECTED - 1] ?? '');
    for (const { where, output, outcome } of came) {
      note(`${where}: ${outcome}`);
      assert.deepEqual([outcome, output], ['hit', here], where);
    }
    assert.equal(came.length, 6);
    const { recipes } = (await installation.cli(workspace, 'recipes', '--json')) as { recipes: { name: string; entries: number; hits: number }[] };
    const { entries, hits } = recipes.find(({ name }) => name === EVERYWHERE) ?? assert.fail('it is not listed');
    assert.deepEqual({ entries, hits }, { entries: 1, hits: 6 });
  });

  step('Insert Below and Replace Selection put the answer into the text', async ({ workspace, window, picture }) => {
    const file = join(workspace, 'reflections.md');
    const before = await readFile(file, 'utf8');
    const selected = before.split('\n')[SELECTED - 1] ?? '';
    const panel = new RecipePanel(window);
    await select(window);
    await runRecipe(window, NAME, 'a headline');
    assert.equal(await panel.answer(/^HIT/), answer);
    await panel.press('insert');
    await saved(window, file, before.replace(selected, `${selected}\n\n${answer}`));
    await panel.press('replace');
    await saved(window, file, before.replace(selected, `${answer}\n\n${answer}`));
    await picture();
    await window.editor.open('reflections.md');
    await window.editor.replaceAll(before);
    await saved(window, file, before);
    // What it was run on is not there any more, so nothing is overwritten.
    await panel.press('replace');
    await window.notifications.message(/has changed since/);
    assert.equal(await readFile(file, 'utf8'), before);
    await window.notifications.clear();
  });

  step('Run Afresh fills the panel piece by piece', async ({ window, note, picture }) => {
    const panel = new RecipePanel(window);
    const seen = await panel.watch();
    const pressed = Date.now();
    await panel.press('again');
    const texts = async () => (await seen()).filter(({ state, text }) => state === 'writing' && text !== '');
    await until('a first piece', async () => (await texts()).length > 0, { within: limit.model, seen });
    await picture('the first words');
    const whole = await panel.answer(/^MISS/);
    const pieces = await texts();
    note(`first words ${(pieces[0]?.at ?? 0) - pressed} ms after the click; ${pieces.length} states while writing`);
    assert.ok(pieces.length > 2, `${pieces.length} pieces`);
    for (const { text } of pieces) assert.ok(whole.startsWith(text.trim()), `${text} is no beginning of ${whole}`);
  });

  step('Cancel stops the engine in the middle of an answer, and nothing of it is kept', async ({ server, workspace, window, note, picture }) => {
    await window.quickPick.runAndType('Refrain: New Recipe…', LONG);
    await window.editor.tab(`${LONG}.recipe.md`);
    await window.editor.replaceAll(LONG_RECIPE);
    const file = join(workspace, '.refrain', 'recipes', `${LONG}.recipe.md`);
    await until('it to be saved', async () => (await readFile(file, 'utf8')) === LONG_RECIPE, { within: limit.editor });
    const engine = await until('the engine', () => engines(server)[0], { within: limit.model });
    await cpuUntilIdle(engine);
    const begun = cpuMs(engine);
    await select(window);
    await runRecipe(window, LONG);
    const panel = new RecipePanel(window);
    await panel.answer(/^WRITING/);
    await until('some words', async () => (await panel.written()) !== '', { within: limit.model });
    await panel.press('cancel');
    const written = cpuMs(engine) - begun;
    const cpu = await cpuUntilIdle(engine);
    const left = await panel.answer(/^CANCELLED/);
    await picture();
    note(`${written} ms of the processor's time until Cancel, ${cpu} ms after it; ${left.length} characters`);
    assert.ok(cpu < 600, `${cpu} ms of the processor's time after Cancel`);
    assert.deepEqual(await window.notifications.errors(), []);
    await rowShows(window, LONG, /nothing stored/);
  });

  step('what a recipe is refused is said in the panel, which another run fills anew', async ({ window }) => {
    await window.editor.open('reflections.md');
    await window.quickPick.goToLine(1);
    await runRecipe(window, NAME, 'a headline');
    const panel = new RecipePanel(window);
    await panel.answer(/^FAILED/);
    assert.match(await panel.problem(), /nothing is selected/);
    assert.deepEqual(await panel.enabled(), ['again']);
    await select(window);
    await runRecipe(window, NAME, 'a headline');
    await panel.answer(/^HIT/);
  });

  step('the code actions on a selection have one for each recipe', async ({ server, window, picture }) => {
    await theSidecar(server);
    await select(window);
    await window.quickPick.run('Refactor...');
    await window.page.getByText('Run recipe: translate').waitFor({ timeout: limit.editor });
    await picture();
    await window.page.getByText('Run recipe: summarise').click();
    await new RecipePanel(window).answer(/^(MISS|REFUSED)/);
    assert.equal(await new RecipePanel(window).recipe(), 'summarise');
  });
});

async function select(window: Window): Promise<void> {
  await window.editor.open('reflections.md');
  await window.editor.selectLine(SELECTED);
}

/** Runs a recipe from the palette, and answers what it asks for. */
async function runRecipe(window: Window, name: string, ...inputs: string[]): Promise<void> {
  await window.quickPick.runAndChoose('Refrain: Run Recipe…', new RegExp(`${name}$`));
  for (const input of inputs) await window.quickPick.type(input);
}

async function rowShows(window: Window, name: string, text: RegExp): Promise<void> {
  const seen = (): Promise<string[]> => window.treeRows();
  await until(`the row of ${name} to show ${text}`, async () => (await seen()).some((row) => row.includes(name) && text.test(row)), {
    within: limit.sidecar,
    seen,
  });
}

/** Saves what is in front, and waits until the file says so. */
async function saved(window: Window, file: string, text: string): Promise<void> {
  await until(
    'the file to be saved',
    async () => {
      await window.page.keyboard.press('ControlOrMeta+S');
      return (await readFile(file, 'utf8')) === text;
    },
    { within: limit.editor, seen: () => readFile(file, 'utf8') },
  );
}
