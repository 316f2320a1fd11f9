// Tools for agents: what the editor writes for their hosts, with a Python that has the extra and with one that has not.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from 'node:test';

import { root } from '../bootstrap/places.mjs';
import { theSidecar } from '../harness/sidecars.ts';
import { journey } from '../harness/steps.ts';

const CONFIGURE = 'Refrain: Configure MCP…';

describe('with a Python that has the extra', () => {
  const python = join(root, '.venv', 'bin', 'python');
  const step = journey('mcp', { machine: { 'refrain.pythonPath': python } });

  step('Configure MCP… adds the server to what is in the file, and shows it', async ({ server, workspace, window }) => {
    await theSidecar(server);
    const file = join(workspace, '.mcp.json');
    await writeFile(file, '{"mcpServers": {"other": {"command": "x"}}}');
    await window.quickPick.runAndChoose(CONFIGURE, /^\.mcp\.json/);
    await window.editor.tab('.mcp.json');
    const { mcpServers } = JSON.parse(await readFile(file, 'utf8')) as { mcpServers: Record<string, { command: string }> };
    assert.deepEqual(mcpServers['other'], { command: 'x' });
    assert.equal(mcpServers['refrain']?.command, python);
  });
});

describe('with a Python that has not', () => {
  const step = journey('no-mcp', {});

  step('Configure MCP… says what to install, and writes nothing', async ({ server, workspace, window }) => {
    await theSidecar(server);
    await window.quickPick.runAndChoose(CONFIGURE, /^\.vscode\/mcp\.json/);
    assert.match(await window.notifications.message(/needs the extra/), /pip install 'refrain-cache\[mcp\]'/);
    assert.equal(existsSync(join(workspace, '.vscode', 'mcp.json')), false);
  });
});
