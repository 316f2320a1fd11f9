// The sidecar and its engine among the processes under an extension host.
import { setTimeout as delay } from 'node:timers/promises';

import type { CodeServer } from './code-server.ts';
import { limit } from './limits.ts';
import { cpuMs, type Process } from './processes.ts';
import { until } from './until.ts';

/** Looked at twice within so many ms, one that idles has taken next to no processor time. */
const LOOK_MS = 500;
const IDLE_CPU_MS = 40;

/** Language servers: `python -m refrain_sidecar`, but not its command line or its engine. */
export function sidecars(server: CodeServer): Process[] {
  return server.descendants().filter(({ command }) => runs(command, 'refrain_sidecar'));
}

/** Children that hold a model: `python -m refrain_sidecar.inference.embedded`. */
export function engines(server: CodeServer): Process[] {
  return server.descendants().filter(({ command }) => runs(command, 'refrain_sidecar.inference.embedded'));
}

/** The one sidecar, once there is exactly one and it is not `other`. */
export async function theSidecar(server: CodeServer, other?: Process): Promise<Process> {
  return until(
    'one running sidecar',
    () => {
      const [only, ...more] = sidecars(server).filter(({ pid }) => pid !== other?.pid);
      return more.length === 0 && only;
    },
    { within: limit.sidecar, seen: () => server.descendants().map(({ command }) => command.join(' ')) },
  );
}

/** The processor time an engine takes until it idles, in ms. */
export async function cpuUntilIdle(engine: Process): Promise<number> {
  const before = cpuMs(engine);
  return until(
    'the engine to idle',
    async () => {
      const seen = cpuMs(engine);
      await delay(LOOK_MS);
      // At least one: 0 would be nothing found yet.
      return cpuMs(engine) - seen <= IDLE_CPU_MS && seen - before + 1;
    },
    { within: limit.model },
  );
}

function runs(command: readonly string[], module: string): boolean {
  const flag = command.indexOf('-m');
  return flag > 0 && command[flag + 1] === module;
}
