// A folder from somebody else: nothing in it is read or run until its authors are trusted, and then at once.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import type { AddressInfo } from 'node:net';

import { limit } from '../harness/limits.ts';
import { theSidecar } from '../harness/sidecars.ts';
import { journey } from '../harness/steps.ts';
import { until } from '../harness/until.ts';
import { EnrichmentPanel } from '../panels/enrichment-panel.ts';
import { RecipePanel } from '../panels/recipe-panel.ts';

const NAME = 'theirs';
const RECIPE = `---
description: Somebody else's
options: { temperature: 0, num_predict: 30 }
---
Answer in a few words: \${text}
`;

describe('a folder that is not trusted yet', () => {
  // Where its configuration would send what is enriched.
  const asked: string[] = [];
  const elsewhere = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  after(() => elsewhere.close());
  const step = journey('trust', {
    model: true,
    asksForTrust: true,
    config: async () => ({
      inference: { engine: 'auto', base_url: `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}` },
    }),
    prepare: async (workspace) => {
      await mkdir(join(workspace, '.refrain', 'recipes'), { recursive: true });
      await writeFile(join(workspace, '.refrain', 'recipes', `${NAME}.recipe.md`), RECIPE);
    },
  });

  step('is opened in restricted mode: its recipes are not listed', async ({ server, window }) => {
    await theSidecar(server);
    await window.activity('Refrain');
    await window.treeRow('summarise').waitFor({ timeout: limit.sidecar });
    assert.equal(await window.treeRow(NAME).count(), 0);
  });

  step('enriches, and asks nobody whom its configuration names', async ({ window }) => {
    await window.editor.open('reflections.md');
    await window.editor.selectLine(3);
    await window.quickPick.run('Refrain: Enrich Selection');
    await new EnrichmentPanel(window).answer(/^MISS/);
    assert.deepEqual(asked, []);
  });

  step('is read at once when its authors are trusted, and its recipe runs', async ({ server, window, note }) => {
    const restricted = await theSidecar(server);
    await window.quickPick.run('Workspaces: Manage Workspace Trust');
    await window.trust();
    await theSidecar(server, restricted);
    await window.activity('Refrain');
    await window.treeRow(NAME).waitFor({ timeout: limit.sidecar });
    await until('its configuration to be read', () => asked.length > 0, { within: limit.model });
    await window.editor.open('reflections.md');
    await window.editor.selectLine(3);
    await window.quickPick.runAndChoose('Refrain: Run Recipe…', new RegExp(`${NAME}$`));
    note(await new RecipePanel(window).answer(/^MISS/));
  });
});
