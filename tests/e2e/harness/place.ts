// What a journey needs: a Python with none of our packages and the extension from the VSIX, which a
// run installs once, as a person does; made anew, home, user data and workspaces to work in.
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, glob, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { root, suite, tools } from '../bootstrap/places.mjs';
import { installExtension, type Place } from './code-server.ts';

const run = promisify(execFile);

// Kept between runs: it is what a user's data folder keeps, and takes minutes to download.
const DATA = join(tools, 'refrain-data');

/** A configuration, or part of one. */
export type Sections = Record<string, Record<string, unknown>>;

export class Installation implements Place {
  readonly folder: string;
  readonly python: string;
  readonly extensions: string;
  readonly extension: string;
  readonly environment: Readonly<Record<string, string>>;

  private constructor(folder: string, { python, extensions, extension }: Installed, path: string) {
    this.folder = folder;
    this.python = python;
    this.extensions = extensions;
    this.extension = extension;
    this.environment = environment(path);
  }

  /** `path` replaces the PATH that leads to a Python, for a machine where none fits. */
  static async make(path?: (folder: string) => Promise<string>): Promise<Installation> {
    const installed = await install();
    const folder = await mkdtemp(join(tmpdir(), 'refrain-e2e-'));
    const search = path ? await path(folder) : searchPath(installed.python);
    await mkdir(join(folder, 'home'));
    // VS Code asks a login shell for its PATH, and Debian's /etc/profile sets one of its own.
    await writeFile(join(folder, 'home', '.bash_profile'), `export PATH='${search}'\n`);
    return new Installation(folder, installed, search);
  }

  /** A copy of the sample workspace, with some keys of its configuration's sections changed. */
  async workspace(name: string, changes: Sections = {}): Promise<string> {
    const folder = join(this.folder, 'workspaces', name);
    await cp(join(suite, 'sample-workspace'), folder, { recursive: true });
    const file = join(folder, 'config', 'perf_config.json');
    const config = JSON.parse(await readFile(file, 'utf8')) as Sections;
    for (const [section, keys] of Object.entries(changes)) config[section] = { ...config[section], ...keys };
    await writeFile(file, `${JSON.stringify(config, null, 2)}\n`);
    return folder;
  }

  /** Runs Python code with the packages that the VSIX carries; returns what it prints, as JSON. */
  async bundled(code: string): Promise<unknown> {
    const { stdout } = await run(this.python, ['-c', code], { env: this.#bundle() });
    return JSON.parse(stdout);
  }

  /** The command line of the VSIX's own code, in `workspace`; returns what it prints, as JSON. */
  async cli(workspace: string, ...args: string[]): Promise<unknown> {
    const { stdout } = await run(this.python, ['-m', 'refrain_sidecar.cli', ...args], {
      cwd: workspace,
      env: this.#bundle(),
    });
    return JSON.parse(stdout);
  }

  /** `refrain models fetch`, its progress shown. Does nothing when engine and weights are there. */
  async fetchModel(): Promise<void> {
    const child = spawn(this.python, ['-m', 'refrain_sidecar.cli', 'models', 'fetch'], {
      cwd: this.folder,
      env: { ...process.env, ...this.#bundle() },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) =>
        code === 0 ? resolve() : reject(new Error(`refrain models fetch ended with status ${code}`)),
      );
    });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  #bundle(): Record<string, string> {
    return {
      ...this.environment,
      HOME: join(this.folder, 'home'),
      PYTHONPATH: join(this.extension, 'bundled', 'libs'),
    };
  }
}

function environment(path: string): Record<string, string> {
  return { PATH: path, LANG: 'C.UTF-8', REFRAIN_DATA_DIR: DATA };
}

/** What all journeys of a run share. */
interface Installed {
  readonly python: string;
  /** VS Code's folder of extensions, and the one in it. */
  readonly extensions: string;
  readonly extension: string;
}

/** By the first journey of a run, in the folder that run.mjs made for it. */
async function install(): Promise<Installed> {
  const folder = process.env['REFRAIN_E2E_INSTALLED'];
  if (folder === undefined) throw new Error('Journeys are run by run.mjs');
  const note = join(folder, 'installed.json');
  if (existsSync(note)) return JSON.parse(await readFile(note, 'utf8')) as Installed;
  const python = await barePython(join(folder, 'python'));
  const extensions = join(folder, 'extensions');
  const place = { folder, extensions, environment: environment(searchPath(python)) };
  const installed = { python, extensions, extension: await installExtension(place, await vsix()) };
  await writeFile(note, JSON.stringify(installed));
  return installed;
}

function searchPath(python: string): string {
  return `${dirname(python)}:/usr/bin:/bin`;
}

/** A virtual environment without pip and without any package; throws if it has ours after all. */
async function barePython(folder: string): Promise<string> {
  const own = join(root, '.venv', 'bin', 'python');
  await run(existsSync(own) ? own : 'python3', ['-m', 'venv', '--without-pip', folder]);
  const python = join(folder, 'bin', 'python3');
  const code = `
import importlib.util as u, json
print(json.dumps([n for n in ("pygls", "attrs", "httpx", "psutil", "refrain_cache", "refrain_sidecar") if u.find_spec(n)]))
`;
  const { stdout } = await run(python, ['-c', code], { env: { PATH: '/usr/bin:/bin' } });
  if (stdout.trim() !== '[]') throw new Error(`${python} was to have no package, but has ${stdout}`);
  return python;
}

/** $REFRAIN_VSIX, else the one in dist/ for this platform. */
async function vsix(): Promise<string> {
  const named = process.env['REFRAIN_VSIX'];
  if (named) return named;
  const name = `refrain-${process.platform}-${process.arch}-*.vsix`;
  const found = await Array.fromAsync(glob(join(root, 'dist', name)));
  const [only] = found;
  if (found.length !== 1 || only === undefined) {
    throw new Error(`Expected one dist/${name}, found ${found.length}. Run make vsix.`);
  }
  return only;
}
