// Installs what the end-to-end suite needs and is not there yet. Says nothing when all is there.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { installCodeServer } from './bootstrap/code-server.mjs';
import { installSystemPackages } from './bootstrap/debian.mjs';
import { installNode, nodeEnvironment } from './bootstrap/node.mjs';
import { node, suite, tools } from './bootstrap/places.mjs';
import { run, stamp, stamped } from './bootstrap/steps.mjs';

async function installSuite() {
  const lock = await readFile(join(suite, 'package-lock.json'));
  const file = join(suite, 'node_modules', '.installed.stamp');
  const wanted = createHash('sha256').update(lock).digest('hex');
  if (await stamped(file, wanted)) return;
  await run('Installing the suite’s own packages', node.exe, [node.npm, 'ci'], {
    cwd: suite,
    env: nodeEnvironment(),
    log: join(tools, 'log', 'suite.log'),
  });
  await stamp(file, wanted);
}

try {
  await installSystemPackages();
  await installNode();
  await installCodeServer();
  await installSuite();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
