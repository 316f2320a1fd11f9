// What is so, from another source than the window that is being tested.
import type { Installation } from './place.ts';

/** `refrain stats --json` of the VSIX's own code, as far as the suite compares it. */
export interface Stats {
  readonly entries: number;
  readonly bytes: number;
  readonly lookups: number;
  readonly hitsMemory: number;
  readonly hitsDisk: number;
  readonly hitsShared: number;
  readonly misses: number;
}

/** All time, over every process that used the workspace's cache file. */
export async function storedStats(installation: Installation, workspace: string): Promise<Stats> {
  return (await installation.cli(workspace, 'stats', '--window', 'all', '--json')) as Stats;
}

export interface Cpu {
  readonly logical: number;
  readonly physical: number | null;
  readonly affinity: number;
}

/** psutil's own word. */
export async function cpu(installation: Installation): Promise<Cpu> {
  const code = `
import json, psutil
print(json.dumps({"logical": psutil.cpu_count(), "physical": psutil.cpu_count(logical=False),
                  "affinity": len(psutil.Process().cpu_affinity())}))
`;
  return (await installation.bundled(code)) as Cpu;
}
