// code-server: VS Code in a browser. Its native modules are compiled on this machine.
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { codeServer, node, tools } from './places.mjs';
import { nodeEnvironment } from './node.mjs';
import { run, stamp, stamped } from './steps.mjs';

const VERSION = '4.139.1';
// Loaded once after the installation: a module that was not compiled would only show as a
// terminal that never opens or a window that never ends loading.
const NATIVE_MODULES = ['@vscode/native-watchdog', '@vscode/spdlog', 'node-pty', '@parcel/watcher'];

/**
 * Installs code-server into .tools/code-server, whatever state that folder is in: nothing there,
 * a first try whose install scripts were skipped, or a whole one. A stamp makes later calls free.
 */
export async function installCodeServer() {
  const file = join(codeServer.home, 'installed.stamp');
  const wanted = `code-server ${VERSION} node ${spawnSync(node.exe, ['--version'], { encoding: 'utf8' }).stdout.trim()}\n`;
  if (existsSync(codeServer.entry) && (await stamped(file, wanted))) return;
  if (whatIsWrong() !== null) await install();
  const wrong = whatIsWrong();
  if (wrong !== null) {
    throw new Error(`code-server is installed but does not work: ${wrong}\nSee ${join(tools, 'log', 'code-server.log')}.`);
  }
  await stamp(file, wanted);
}

async function install() {
  await rm(join(codeServer.home, 'node_modules'), { recursive: true, force: true });
  await rm(join(codeServer.home, 'package-lock.json'), { force: true });
  await mkdir(codeServer.home, { recursive: true });
  const manifest = { private: true, dependencies: { 'code-server': VERSION } };
  await writeFile(join(codeServer.home, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await run(
    `Installing code-server ${VERSION} (600 MB, once)`,
    node.exe,
    [node.npm, 'install', '--no-package-lock', '--foreground-scripts'],
    {
      cwd: codeServer.home,
      env: nodeEnvironment(),
      log: join(tools, 'log', 'code-server.log'),
      expect: '3 minutes',
    },
  );
}

/** What keeps the installed code-server from working, or null. */
function whatIsWrong() {
  if (!existsSync(codeServer.entry)) return 'it is not there';
  const version = spawnSync(node.exe, [codeServer.entry, '--version'], { encoding: 'utf8', env: quiet() });
  if (!version.stdout?.includes(VERSION)) return `--version says ${JSON.stringify(version.stdout || version.stderr)}`;
  const link = join(codeServer.vscode, 'bin', 'remote-cli', 'code-server');
  if (!lstatSync(link, { throwIfNoEntry: false })) return `its install script did not run (${link} is missing)`;
  const script = NATIVE_MODULES.map((name) => `require(${JSON.stringify(name)})`).join(';');
  const load = spawnSync(node.exe, ['-e', script], { cwd: codeServer.vscode, encoding: 'utf8' });
  return load.status === 0 ? null : `a native module does not load: ${load.stderr.trim()}`;
}

/** code-server writes a default configuration into the home folder unless told another place. */
function quiet() {
  return { ...process.env, CODE_SERVER_CONFIG: join(codeServer.home, 'config.yaml') };
}
