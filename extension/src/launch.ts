import { delimiter, join } from "node:path";
import type { Interpreter } from "./python/candidate";

/** A process to start. `env` holds only what differs from the editor's own environment. */
export interface Launch {
  command: string;
  args: string[];
  env: Record<string, string>;
}

/** Folders with the two Python packages: those in the VSIX, or this repository's own where there is no bundle. */
export function packageFolders(extensionPath: string, bundled: boolean): string[] {
  return bundled
    ? [join(extensionPath, "bundled", "libs")]
    : [join(extensionPath, "..", "cache"), join(extensionPath, "..", "sidecar")];
}

function environment(folders: readonly string[], inherited: string | undefined): Record<string, string> {
  const path = inherited === undefined || inherited === "" ? folders : [...folders, inherited];
  return {
    PYTHONPATH: path.join(delimiter),
    // A workspace's own json.py or attr.py must never be imported instead of the real one.
    PYTHONSAFEPATH: "1",
    PYTHONUTF8: "1",
  };
}

/** The language server. It ends by itself when the process that `initialize` names is gone. */
export function sidecarLaunch(python: Interpreter, folders: readonly string[], inherited: string | undefined): Launch {
  return { command: python.executable, args: ["-m", "refrain_sidecar"], env: environment(folders, inherited) };
}

/** The command line, with the sidecar's interpreter, packages and configuration. */
export function cliLaunch(
  python: Interpreter,
  folders: readonly string[],
  args: readonly string[],
  configPath: string | null,
  inherited: string | undefined,
): Launch {
  const env = environment(folders, inherited);
  return {
    command: python.executable,
    args: ["-m", "refrain_sidecar.cli", ...args],
    env: configPath === null ? env : { ...env, REFRAIN_CONFIG: configPath },
  };
}
