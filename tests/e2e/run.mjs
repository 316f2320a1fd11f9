// Installs the tools, then runs the suite with the Node they came with. Arguments go to node --test;
// --docs also renews docs/screenshot.png.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { node, root, suite } from './bootstrap/places.mjs';

const setup = spawnSync(process.execPath, [join(suite, 'setup.mjs')], { stdio: 'inherit' });
if (setup.status !== 0) process.exit(1);

const args = process.argv.slice(2);
const docs = args.includes('--docs');
const named = args.filter((arg) => arg.endsWith('.ts'));
const options = args.filter((arg) => arg !== '--docs' && !arg.endsWith('.ts'));
const journeys = readdirSync(join(suite, 'journeys'))
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => join(suite, 'journeys', name));

rmSync(join(root, 'screenshots'), { recursive: true, force: true });
// For what a run installs once (harness/place.ts).
const installed = mkdtempSync(join(tmpdir(), 'refrain-e2e-installed-'));
const { status } = spawnSync(
  node.exe,
  // One at a time: two editors and a model would share the cores and make each other late.
  ['--test', '--test-concurrency=1', '--test-reporter=spec', ...options].concat(
    named.length > 0 ? named : journeys,
  ),
  {
    cwd: suite,
    stdio: 'inherit',
    env: {
      ...process.env,
      NODE_NO_WARNINGS: '1',
      REFRAIN_E2E_INSTALLED: installed,
      ...(docs ? { REFRAIN_E2E_DOCS: '1' } : {}),
    },
  },
);
rmSync(installed, { recursive: true, force: true });
process.exitCode = status ?? 1;
