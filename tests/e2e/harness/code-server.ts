// One code-server with its own user data, extensions, home and PATH.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { codeServer, node } from '../bootstrap/places.mjs';
import { limit } from './limits.ts';
import { descendants, isAlive, type Process } from './processes.ts';
import { until } from './until.ts';

/** Whether all is written down that may explain a failure, which takes a quarter more time. */
export const TRACED = process.env['REFRAIN_E2E_TRACE'] === '1';

/** What keeps VS Code's other features out of the way. */
export const QUIET = {
  'chat.disableAIFeatures': true,
  'editor.cursorBlinking': 'solid',
  'editor.minimap.enabled': false,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'git.enabled': false,
  'telemetry.telemetryLevel': 'off',
  // The DOM renderer: its rows can be read.
  'terminal.integrated.gpuAcceleration': 'off',
  'terminal.integrated.shellIntegration.enabled': false,
  'update.mode': 'none',
  'workbench.enableExperiments': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
};

export interface Place {
  /** An empty folder for user data, home and logs. */
  readonly folder: string;
  readonly extensions: string;
  /** The whole environment of the server, its extension hosts and terminals. */
  readonly environment: Readonly<Record<string, string>>;
}

export class CodeServer {
  readonly place: Place;
  readonly address: string;
  readonly #process: ChildProcess;

  private constructor(place: Place, address: string, process: ChildProcess) {
    this.place = place;
    this.address = address;
    this.#process = process;
  }

  /**
   * `machine` are the settings that hold for the server's machine, such as an interpreter's path, `user` a person's
   * own; `asksForTrust` says whether the authors of a folder are trusted only once somebody says so.
   */
  static async start(
    place: Place,
    {
      machine = {},
      user = QUIET,
      asksForTrust = false,
    }: { machine?: Record<string, unknown>; user?: Record<string, unknown>; asksForTrust?: boolean } = {},
  ): Promise<CodeServer> {
    for (const [level, settings] of [['User', user], ['Machine', machine]] as const) {
      const folder = join(place.folder, 'user-data', level);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'settings.json'), JSON.stringify(settings, null, 2));
    }

    const log = join(place.folder, 'code-server.log');
    const child = spawn(
      node.exe,
      [codeServer.entry, '--auth', 'none', '--bind-addr', '127.0.0.1:0', ...folders(place)].concat(
        asksForTrust ? [] : ['--disable-workspace-trust'],
        ['--disable-telemetry', '--disable-update-check', '--disable-getting-started-override'],
        TRACED ? ['--verbose'] : [],
      ),
      { env: environmentOf(place), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const out = createWriteStream(log);
    child.stdout.pipe(out, { end: false });
    child.stderr.pipe(out, { end: false });
    const address = await until(
      'code-server to listen',
      async () => {
        if (child.exitCode !== null) throw new Error(`code-server ended; see ${log}`);
        const text = await readFile(log, 'utf8').catch(() => '');
        return /HTTP server listening on (http:\/\/[\d.:]+)/.exec(text)?.[1];
      },
      { within: limit.start },
    );
    return new CodeServer(place, address, child);
  }

  /** What runs under this server: extension hosts, terminals, and whatever those started. */
  descendants(): Process[] {
    return this.#process.pid === undefined ? [] : descendants(this.#process.pid);
  }

  extensionHosts(): Process[] {
    return this.descendants().filter(({ command }) => command.includes('--type=extensionHost'));
  }

  /** Ends the server and whatever of its processes is left. */
  async stop(): Promise<void> {
    const all = this.descendants();
    this.#process.kill('SIGTERM');
    await until('code-server to end', () => this.#process.exitCode !== null || this.#process.signalCode !== null, {
      within: limit.editor,
    });
    for (const one of all.filter(isAlive)) process.kill(one.pid, 'SIGKILL');
  }
}

/** Installs a VSIX the way a person's `code --install-extension` does. Returns its folder. */
export async function installExtension(place: Place, vsix: string): Promise<string> {
  const { stdout } = await promisify(execFile)(
    node.exe,
    [codeServer.entry, '--install-extension', vsix, '--force', ...folders(place)],
    { env: environmentOf(place) },
  );
  const listing = JSON.parse(await readFile(join(place.extensions, 'extensions.json'), 'utf8')) as {
    location: { path: string };
  }[];
  const installed = listing[0];
  if (listing.length !== 1 || installed === undefined) {
    throw new Error(`Expected one extension after installing ${vsix}:\n${stdout}`);
  }
  return installed.location.path;
}

function folders({ folder, extensions }: Place): string[] {
  return [
    ['--user-data-dir', join(folder, 'user-data')],
    ['--extensions-dir', extensions],
    ['--config', join(folder, 'code-server.yaml')],
  ].flat();
}

function environmentOf({ folder, environment }: Place): Record<string, string> {
  return { HOME: join(folder, 'home'), LANG: 'C.UTF-8', SHELL: '/bin/bash', ...environment };
}
