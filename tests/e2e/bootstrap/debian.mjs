// The operating system's part: a browser, fonts, and what code-server's native modules compile with.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { tools } from './places.mjs';
import { run } from './steps.mjs';

const PACKAGES = [
  'chromium',
  'fonts-dejavu-core',
  'g++',
  'make',
  'pkg-config',
  'python3',
  'libkrb5-dev',
  'libsecret-1-dev',
  'libx11-dev',
  'libxkbfile-dev',
];
const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The browser to drive: $REFRAIN_CHROMIUM, else a Chromium or Chrome on PATH; undefined if none. */
export function chromium() {
  const named = process.env['REFRAIN_CHROMIUM'];
  if (named) return named;
  const folders = (process.env['PATH'] ?? '').split(':').concat('/usr/bin');
  return BROWSERS.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
}

/** Installs the Debian packages that are missing. Throws with the command to run when it may not. */
export async function installSystemPackages() {
  if (process.platform !== 'linux') {
    throw new Error('The end-to-end suite runs on Linux (Debian or Ubuntu); make test-unit runs everywhere.');
  }
  if (spawnSync('dpkg', ['--version']).error) {
    console.log(`No dpkg here: make sure that these are installed: ${PACKAGES.join(', ')}`);
    return;
  }
  const missing = PACKAGES.filter((name) => !installed(name));
  if (missing.length === 0) return;
  const install = ['install', '--yes', '--no-install-recommends', ...missing];
  if (process.getuid?.() !== 0) {
    throw new Error(
      `Debian packages are missing and only root may install them. Run:\n  sudo apt-get ${install.join(' ')}`,
    );
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('Reading the package lists', 'apt-get', ['update'], {
    log: join(tools, 'log', 'apt-update.log'),
    env,
  });
  await run(`Installing ${missing.join(', ')}`, 'apt-get', install, {
    log: join(tools, 'log', 'apt-install.log'),
    env,
    expect: 'a minute',
  });
}

/** @param {string} name */
function installed(name) {
  if (name === 'chromium' && chromium()) return true;
  try {
    const status = execFileSync('dpkg-query', ['--show', '--showformat=${Status}', name], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return status.endsWith('ok installed');
  } catch {
    return false;
  }
}
