// Where the suite's tools live. Everything downloaded stays under .tools, which git ignores.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const suite = dirname(dirname(fileURLToPath(import.meta.url)));
export const root = dirname(dirname(suite));
export const tools = join(root, '.tools');

const nodeHome = join(tools, 'node');
const platform = `node-linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}`;

export const node = {
  home: nodeHome,
  package: platform,
  /** Holds bin/node and include/node, which node-gyp compiles against. */
  dir: join(nodeHome, 'node_modules', platform),
  bin: join(nodeHome, 'node_modules', platform, 'bin'),
  exe: join(nodeHome, 'node_modules', platform, 'bin', 'node'),
  npm: join(nodeHome, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  /** `npm` and `node` by name, for scripts that call them from PATH. */
  commands: join(nodeHome, 'node_modules', '.bin'),
};

const codeServerHome = join(tools, 'code-server');
const codeServerPackage = join(codeServerHome, 'node_modules', 'code-server');

export const codeServer = {
  home: codeServerHome,
  package: codeServerPackage,
  entry: join(codeServerPackage, 'out', 'node', 'entry.js'),
  vscode: join(codeServerPackage, 'lib', 'vscode'),
};
