// A real Ollama whose model sees, as far as three colours go: tests/ollama/eye.py.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { root } from '../bootstrap/places.mjs';

export class SeeingOllama {
  readonly model = 'seer';
  readonly address: string;
  readonly #process: ChildProcess;

  private constructor(address: string, process: ChildProcess) {
    this.address = address;
    this.#process = process;
  }

  static async start(): Promise<SeeingOllama> {
    const child = spawn(join(root, '.venv', 'bin', 'python'), ['-m', 'tests.ollama.eye'], {
      cwd: root,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    for await (const line of createInterface(child.stdout)) return new SeeingOllama(line, child);
    throw new Error('No Ollama to test with: run make ollama.');
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.stdin?.end();
    await ended;
  }
}
