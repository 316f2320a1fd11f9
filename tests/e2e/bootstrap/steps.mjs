// Runs a long command with a line of progress, its whole output in a log file.
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

const TAIL_LINES = 30;

/**
 * Says what is being done, how long it has taken and the command's last line of output.
 * Throws an Error with the log's last lines when the command fails.
 *
 * @param {string} title
 * @param {string} command
 * @param {string[]} args
 * @param {{ log: string, cwd?: string, env?: NodeJS.ProcessEnv, expect?: string }} options
 *   `expect` says in words how long it usually takes.
 */
export async function run(title, command, args, { log, cwd, env, expect }) {
  await mkdir(dirname(log), { recursive: true });
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
  const out = createWriteStream(log);
  const live = process.stdout.isTTY === true;
  let last = '';
  process.stdout.write(`${title}${expect ? ` (usually ${expect})` : ''} …\n`);

  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      out.write(text);
      last = String(text).trim().split('\n').at(-1)?.trim() || last;
    });
  }
  const ticker = setInterval(
    () => {
      const line = `  ${seconds()}  ${last}`.slice(0, Math.max(20, (process.stdout.columns || 100) - 1));
      process.stdout.write(live ? `\r\x1b[2K${line}` : `${line}\n`);
    },
    live ? 500 : 20_000,
  );
  try {
    await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) =>
        code === 0 ? resolve(undefined) : reject(new Error(`${command} ended with status ${code}`)),
      );
    });
  } catch (error) {
    const text = await readFile(log, 'utf8').catch(() => '');
    const tail = text.trim().split('\n').slice(-TAIL_LINES).join('\n');
    throw new Error(`${title}: ${error instanceof Error ? error.message : error}. The end of ${log}:\n${tail}`);
  } finally {
    clearInterval(ticker);
    out.end();
    if (live) process.stdout.write('\r\x1b[2K');
  }
  process.stdout.write(`  done in ${seconds()}\n`);
}

/** @param {string} file @param {string} wanted */
export async function stamped(file, wanted) {
  return (await readFile(file, 'utf8').catch(() => '')) === wanted;
}

/** @param {string} file @param {string} text */
export async function stamp(file, text) {
  await writeFile(file, text);
}
