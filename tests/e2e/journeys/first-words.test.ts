// How soon a recipe's first words are in the panel, beside the first token of the very Ollama that writes them.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { root } from '../bootstrap/places.mjs';
import { limit } from '../harness/limits.ts';
import { cpuMs } from '../harness/processes.ts';
import { SeeingOllama } from '../harness/seeing-ollama.ts';
import { theSidecar } from '../harness/sidecars.ts';
import { journey } from '../harness/steps.ts';
import { until } from '../harness/until.ts';
import { CLICKED, RecipePanel, type ShownText } from '../panels/recipe-panel.ts';

const NAME = 'go-on';
const TASK = 'Go on with this diary, in the same voice:';
const RECIPE = `---\noptions: { temperature: 0, num_predict: 40 }\n---\n${TASK} \${selection}\n`;
const [SELECTED = ''] = (await readFile(join(root, 'tests', 'bench', 'cold', 'texts.txt'), 'utf8')).split('\n');
// What the cap cuts is shown, too.
const ENDED = /^(MISS|REFUSED)/;
// More for a figure: REFRAIN_ROUNDS=7.
const ROUNDS = Number(process.env['REFRAIN_ROUNDS'] ?? 3);
const IDLE_S = Number(process.env['REFRAIN_IDLE_S'] ?? 0);

describe('the first words of a recipe', () => {
  const ollama = SeeingOllama.start();
  after(async () => (await ollama).stop());
  const step = journey('first-words', {
    // The editor looks for ports to forward every two seconds, at 3 % of a core.
    machine: { 'remote.autoForwardPorts': false },
    config: async () => {
      const { address, model } = await ollama;
      return { inference: { engine: 'ollama', base_url: address, model, num_threads: 1, num_ctx: 2048 } };
    },
  });

  step('a recipe is run on sixty words', async ({ server, window, workspace }) => {
    await theSidecar(server);
    const folder = join(workspace, '.refrain', 'recipes');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${NAME}.recipe.md`), RECIPE);
    await writeFile(join(workspace, 'day.md'), `${SELECTED}\n`);
    await window.editor.open('day.md');
    await window.editor.selectLine(1);
    await window.quickPick.runAndChoose('Refrain: Run Recipe…', new RegExp(`${NAME}$`));
    await new RecipePanel(window).answer(ENDED);
  });

  step('its first words come soon after the engine has them', async ({ window, note, picture }) => {
    const { address, model } = await ollama;
    const panel = new RecipePanel(window);
    const seen = await panel.watch();
    const rounds: { editor: number; engine: number }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      // Another text, as long: so that neither finds its own in the engine's memory.
      const engine = await firstToken(address, model, `${TASK} ${round}. ${SELECTED}`);
      const before = (await seen()).length;
      await panel.press('again');
      const since = async () => (await seen()).slice(before);
      const written = ({ state, text }: ShownText) => state === 'writing' && text !== '';
      await until('its first words', async () => (await since()).some(written), { within: limit.model, seen });
      const states = await since();
      const pressed = states.find(({ state }) => state === CLICKED)?.at ?? NaN;
      rounds.push({ editor: (states.find(written)?.at ?? NaN) - pressed, engine });
      await panel.answer(ENDED);
    }
    await picture();
    const [editor, own] = [median(rounds.map((it) => it.editor)), median(rounds.map((it) => it.engine))];
    note(`click to first words ${editor} ms, the engine's own first token ${own} ms: ${(editor / own).toFixed(2)} times as long`);
    assert.equal(rounds.length, ROUNDS);
  });

  // By hand: REFRAIN_IDLE_S=60 node tests/e2e/run.mjs journeys/first-words.test.ts
  if (IDLE_S > 0) {
    step('left alone they take next to no processor time', async ({ server, note }) => {
      await delay(10_000);
      const hosts = server.descendants().filter(({ command }) => command.includes('--type=extensionHost'));
      const watched = [...hosts, await theSidecar(server)];
      const before = watched.map(cpuMs);
      await delay(IDLE_S * 1000);
      const shares = watched.map((one, at) => (cpuMs(one) - (before[at] ?? 0)) / IDLE_S / 10);
      note(`of a core over ${IDLE_S} s: extension host ${shares[0]?.toFixed(3)} %, sidecar ${shares.at(-1)?.toFixed(3)} %`);
      assert.equal(watched.length, 2);
    });
  }
});

/** Milliseconds the engine takes to an answer of one token to `prompt`, loaded as the sidecar loads it. */
async function firstToken(address: string, model: string, prompt: string): Promise<number> {
  const asked = Date.now();
  const options = { num_ctx: 2048, num_thread: 1, temperature: 0, num_predict: 1 };
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: prompt }], options });
  const reply = await fetch(`${address}/api/chat`, { method: 'POST', body });
  assert.match(await reply.text(), /"done":true/);
  return Date.now() - asked;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
