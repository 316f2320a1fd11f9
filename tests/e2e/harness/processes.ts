// What runs, read from /proc: the editor's own word is not enough to say that nothing was left.
import { readdirSync, readFileSync } from 'node:fs';

export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks since boot; with `pid` it names one process for good. */
  readonly started: number;
  readonly command: readonly string[];
}

/** Every process that can be read; zombies are left out, for they run nothing. */
export function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => read(Number(name)) ?? []);
}

function read(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    return { pid, parent: Number(fields[1]), started: Number(fields[19]), command };
  } catch {
    return undefined; // it ended while we looked
  }
}

/** Children of `pid`, their children and so on. */
export function descendants(pid: number, among = processes()): Process[] {
  const children = among.filter((one) => one.parent === pid);
  return children.concat(children.flatMap((child) => descendants(child.pid, among)));
}

/** The processor time it has taken, user's and system's, in ms: Linux counts it in hundredths of a second. */
export function cpuMs({ pid }: Process): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

export function isAlive(one: Process): boolean {
  return read(one.pid)?.started === one.started;
}
