// A picture in the explorer: described by a real Ollama with an eye. The embedded model refuses one in reflection.test.ts.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe } from 'node:test';

import { RED } from '../harness/picture.ts';
import { SeeingOllama } from '../harness/seeing-ollama.ts';
import { theSidecar } from '../harness/sidecars.ts';
import { journey } from '../harness/steps.ts';
import { EnrichmentPanel } from '../panels/enrichment-panel.ts';

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
