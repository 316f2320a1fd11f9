// The Node that code-server is made for, with headers, and an npm that runs install scripts.
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { node, tools } from './places.mjs';
import { run } from './steps.mjs';

// code-server 4.139 refuses any other major version of Node. npm 10 is pinned beside it because
// later ones skip the install scripts that compile code-server's native modules.
const NODE_VERSION = '24.21.0';
const NPM_VERSION = '10.9.9';

/** Installs Node and npm into .tools/node, or does nothing if both answer with these versions. */
export async function installNode() {
  if (answers(node.exe, ['--version'], `v${NODE_VERSION}`) && answers(node.exe, [node.npm, '--version'], NPM_VERSION)) {
    return;
  }
  await mkdir(node.home, { recursive: true });
  const manifest = {
    private: true,
    dependencies: { [node.package]: NODE_VERSION, npm: NPM_VERSION },
  };
  await writeFile(join(node.home, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await run(`Installing Node ${NODE_VERSION}`, 'npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], {
    cwd: node.home,
    log: join(tools, 'log', 'node.log'),
    expect: 'half a minute',
  });
}

/** @param {string} command @param {string[]} args @param {string} wanted */
function answers(command, args, wanted) {
  const { stdout, error } = spawnSync(command, args, { encoding: 'utf8' });
  return !error && stdout.trim() === wanted;
}

/** The environment in which `node`, `npm` and node-gyp are the ones of .tools/node. */
export function nodeEnvironment() {
  return {
    ...process.env,
    PATH: `${node.bin}:${node.commands}:${process.env['PATH'] ?? '/usr/bin:/bin'}`,
    npm_config_nodedir: node.dir,
    npm_config_update_notifier: 'false',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
  };
}
