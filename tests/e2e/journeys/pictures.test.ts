// A picture in the explorer: described by a real Ollama with an eye, and by the embedded model refused.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe } from 'node:test';

import { limit } from '../harness/limits.ts';
import { SeeingOllama } from '../harness/seeing-ollama.ts';
import { theSidecar } from '../harness/sidecars.ts';
import { journey } from '../harness/steps.ts';
import { EnrichmentPanel } from '../panels/enrichment-panel.ts';

// 16 × 16 pixels.
const RED = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAF0lEQVR4nGP4z8BAEiJN9aiGUQ1DSgMAkPn/Afnh+ngAAAAASUVORK5CYII=',
  'base64',
);

describe('a picture', () => {
  const ollama = SeeingOllama.start();
  after(async () => (await ollama).stop());
  const step = journey('picture', {
    config: async () => {
      const { address, model } = await ollama;
      return { inference: { engine: 'ollama', base_url: address, model, num_threads: 1, temperature: 0 } };
    },
  });

  step('Describe Image in the explorer’s menu describes it, names the mood and writes', async ({ server, window, workspace, note }) => {
    await theSidecar(server);
    await writeFile(join(workspace, 'red.png'), RED);
    await window.explorer.choose('red.png', 'Describe Image');
    const panel = new EnrichmentPanel(window);
    const answer = await panel.answer(/^MISS/);
    const seen = await panel.picture();
    note(`“${seen.description}”`);
    assert.notEqual(seen.description, '');
    assert.match(seen.outcome, /^MISS/);
    assert.equal(answer.poem.length, 3);
  });

  step('once more it is a hit, under another name and from the palette, too', async ({ window, workspace }) => {
    const panel = new EnrichmentPanel(window);
    const { description } = await panel.picture();
    await writeFile(join(workspace, 'copy.png'), RED);
    await window.editor.open('copy.png');
    await window.quickPick.run('Refrain: Describe Image');
    await panel.answer(/^HIT/);
    const again = await panel.picture();
    assert.match(again.outcome, /^HIT/);
    assert.equal(again.description, description);
  });

  step('what is no picture is refused with a sentence', async ({ window, workspace }) => {
    await writeFile(join(workspace, 'diary.png'), 'Dear diary');
    await window.explorer.choose('diary.png', 'Describe Image');
    assert.match(await window.notifications.message(/diary\.png/), /is not a PNG, JPEG or WebP picture/);
  });
});

describe('a picture without a model that sees', () => {
  const step = journey('no-eye', { model: true });

  step('the embedded model says that it sees none', async ({ server, window, workspace }) => {
    await theSidecar(server);
    await writeFile(join(workspace, 'red.png'), RED);
    await window.explorer.choose('red.png', 'Describe Image');
    const message = await window.notifications.message(/sees no pictures/, limit.model);
    assert.match(message, /refrain models use/);
  });
});
