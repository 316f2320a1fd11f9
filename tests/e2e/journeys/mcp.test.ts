// Tools for agents: what the editor writes for their hosts, with a Python that has the extra. What it says with one that
// has not is in without.test.ts.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from 'node:test';

import { root } from '../bootstrap/places.mjs';
import { QUIET } from '../harness/code-server.ts';
import { limit } from '../harness/limits.ts';
import { theSidecar } from '../harness/sidecars.ts';
import { journey } from '../harness/steps.ts';
import { until } from '../harness/until.ts';

describe('tools for agents', () => {
  const python = join(root, '.venv', 'bin', 'python');
  const user = { ...QUIET, 'chat.disableAIFeatures': false };
  const step = journey('mcp', { machine: { 'refrain.pythonPath': python }, user });

  step('Configure MCP… adds the server to what is in the file, and shows it', async ({ server, workspace, window }) => {
    await theSidecar(server);
    const file = join(workspace, '.mcp.json');
    await writeFile(file, '{"mcpServers": {"other": {"command": "x"}}}');
    await window.quickPick.runAndChoose('Refrain: Configure MCP…', /^\.mcp\.json/);
    await window.editor.tab('.mcp.json');
    const { mcpServers } = JSON.parse(await readFile(file, 'utf8')) as { mcpServers: Record<string, { command: string }> };
    assert.deepEqual(mcpServers['other'], { command: 'x' });
    assert.equal(mcpServers['refrain']?.command, python);
  });

  step('the editor’s own agents are offered the server, and start it', async ({ server, window, note }) => {
    const running = (): boolean => server.descendants().some(({ command }) => command.includes('mcp'));
    // VS Code starts no server by itself, and some of them only once they are allowed in the workspace.
    await until(
      'the server to run',
      async () => {
        await window.quickPick.runAndChoose('MCP: List Servers', /^Refrain/, /^(Enable Server \(Workspace\)|Start Server)/);
        return until('it to start', running, { within: limit.editor / 6 }).catch(() => false);
      },
      { within: limit.sidecar },
    );
    const discovered = await window.output(/Discovered \d+ tools/);
    note(discovered);
    assert.match(discovered, /Discovered [1-9]/);
  });
});
