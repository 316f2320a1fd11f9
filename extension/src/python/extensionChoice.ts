import { setTimeout } from "node:timers/promises";
import { type Disposable, type Event, extensions, type LogOutputChannel, type Uri } from "vscode";

const PYTHON_EXTENSION = "ms-python.python";
/** The Python extension discovers environments when it starts; the sidecar does not wait longer than this for it. */
const ACTIVATION_LIMIT_MS = 10_000;

/** The part of the Python extension's published API that is used here. */
interface PythonApi {
  environments: {
    getActiveEnvironmentPath(resource?: Uri): { path: string };
    resolveEnvironment(path: { path: string }): Promise<{ executable: { uri?: Uri } } | undefined>;
    onDidChangeActiveEnvironmentPath: Event<unknown>;
  };
}

async function api(log: LogOutputChannel): Promise<PythonApi | undefined> {
  const extension = extensions.getExtension<PythonApi>(PYTHON_EXTENSION);
  if (extension === undefined) {
    return undefined;
  }
  try {
    const late = setTimeout(ACTIVATION_LIMIT_MS, undefined, { ref: false });
    const found = await Promise.race([extension.activate(), late]);
    if (found?.environments === undefined) {
      log.warn(`The Python extension gave no environments within ${ACTIVATION_LIMIT_MS / 1000} s; going on without it.`);
      return undefined;
    }
    return found;
  } catch (error) {
    log.warn(`The Python extension did not start (${String(error)}); going on without it.`);
    return undefined;
  }
}

/** The interpreter chosen in the Python extension, or undefined where it is not installed or has none. */
export async function chosenInPythonExtension(folder: Uri | undefined, log: LogOutputChannel): Promise<string | undefined> {
  const python = await api(log);
  if (python === undefined) {
    return undefined;
  }
  const active = python.environments.getActiveEnvironmentPath(folder);
  const resolved = await python.environments.resolveEnvironment(active);
  return resolved?.executable.uri?.fsPath;
}

/** Calls `listener` when another interpreter is chosen in the Python extension. */
export async function onChoiceChanged(listener: () => void, log: LogOutputChannel): Promise<Disposable | undefined> {
  return (await api(log))?.environments.onDidChangeActiveEnvironmentPath(listener);
}
