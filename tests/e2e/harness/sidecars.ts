// The sidecar and its engine among the processes under an extension host.
import type { CodeServer } from './code-server.ts';
import { limit } from './limits.ts';
import type { Process } from './processes.ts';
import { until } from './until.ts';

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

function runs(command: readonly string[], module: string): boolean {
  const flag = command.indexOf('-m');
  return flag > 0 && command[flag + 1] === module;
}
