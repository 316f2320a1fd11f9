// Opens an editor with the built extension and a sample workspace: `code` where there is one,
// else code-server in the browser, whose address is printed. Ctrl-C ends it.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { codeServer, node, root, suite, tools } from './bootstrap/places.mjs';

const home = join(tools, 'editor');
const workspace = join(home, 'workspace');

const extension = process.env['REFRAIN_VSIX'] ?? built();
if (!existsSync(workspace)) cpSync(join(suite, 'sample-workspace'), workspace, { recursive: true });

const desktop = !process.env['REFRAIN_BROWSER'] && !spawnSync('code', ['--version']).error;
if (desktop) {
  must('code', ['--install-extension', extension, '--force']);
  must('code', [workspace, '--goto', join(workspace, 'reflections.md')]);
  console.log(`Opened ${workspace} in VS Code. Select a line of reflections.md and run Refrain: Enrich Selection.`);
} else {
  serve();
}

/** The VSIX in dist/ for this platform. */
function built() {
  const platform = `refrain-${process.platform}-${process.arch}-`;
  const dist = join(root, 'dist');
  const found = existsSync(dist)
    ? readdirSync(dist).filter((name) => name.startsWith(platform) && name.endsWith('.vsix'))
    : [];
  const [only] = found;
  if (only === undefined || found.length > 1) {
    console.error(`Expected one dist/${platform}*.vsix, found ${found.length}. Run make vsix.`);
    process.exit(1);
  }
  return join(dist, only);
}

function serve() {
  const user = join(home, 'user-data', 'User');
  mkdirSync(user, { recursive: true });
  const settings = { 'workbench.startupEditor': 'none', 'chat.disableAIFeatures': true };
  if (!existsSync(join(user, 'settings.json'))) {
    writeFileSync(join(user, 'settings.json'), JSON.stringify(settings, null, 2));
  }
  const folders = [
    ['--user-data-dir', join(home, 'user-data')],
    ['--extensions-dir', join(home, 'extensions')],
    ['--config', join(home, 'code-server.yaml')],
  ].flat();
  must(node.exe, [codeServer.entry, '--install-extension', extension, '--force', ...folders]);

  const bind = process.env['REFRAIN_BIND'] ?? '127.0.0.1:8744';
  const server = spawn(
    node.exe,
    [codeServer.entry, '--auth', 'none', '--bind-addr', bind, ...folders].concat(
      ['--disable-workspace-trust', '--disable-telemetry', '--disable-update-check'],
      ['--disable-getting-started-override', workspace],
    ),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  server.stdout.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
    const address = /HTTP server listening on (http:\S+?)\/?$/m.exec(text)?.[1];
    if (address === undefined) return;
    console.log(`VS Code with Refrain: ${address}/?folder=${encodeURIComponent(workspace)}`);
    console.log('Open reflections.md, select a line, press F1, run Refrain: Enrich Selection. Ctrl-C ends it.');
  });
  server.on('exit', (code) => {
    process.exitCode = code ?? 0;
  });
  // Ctrl-C reaches code-server too, as one of the terminal's group; this one waits for it.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => server.kill('SIGTERM'));
}

/** @param {string} command @param {string[]} args */
function must(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) {
    console.error(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ` with status ${status}`}`);
    process.exit(1);
  }
}
