import { commands, window } from "vscode";
import { ResponseError } from "vscode-languageclient/node";
import { CONFIG_ERROR, ENGINE_ERROR, INPUT_ERROR } from "./protocol";
import { NoPython } from "./python/find";

/** A button of a message: its words and the command behind it. */
export interface Remedy {
  title: string;
  command: string;
  args?: readonly unknown[];
}

/** What went wrong, in words for people, and what may help. */
export interface Problem {
  message: string;
  remedies: readonly Remedy[];
}

export const SHOW_LOG: Remedy = { title: "Show Log", command: "refrain.showLog" };
export const OPEN_CONFIG: Remedy = { title: "Open Configuration", command: "refrain.openConfig" };
export const FETCH_MODEL: Remedy = { title: "Fetch Embedded Model", command: "refrain.fetchModel" };
export const RESTART: Remedy = { title: "Restart Sidecar", command: "refrain.restart" };
export const SET_PYTHON: Remedy = {
  title: "Set Python Path",
  command: "workbench.action.openSettings",
  args: ["refrain.pythonPath"],
};

/** What may help against an error of the sidecar, by its code. */
const REMEDIES: Record<number, readonly Remedy[]> = {
  [ENGINE_ERROR]: [FETCH_MODEL, OPEN_CONFIG, SHOW_LOG],
  [INPUT_ERROR]: [],
  [CONFIG_ERROR]: [OPEN_CONFIG, SHOW_LOG],
};

/** The sidecar is not there to answer; `problem` says why and what to do. */
export class SidecarStopped extends Error {
  constructor(readonly problem: Problem) {
    super(problem.message);
    this.name = "SidecarStopped";
  }
}

/** The problem behind an error that a command or the sidecar raised. */
export function problemOf(error: unknown): Problem {
  if (error instanceof SidecarStopped) {
    return error.problem;
  }
  if (error instanceof NoPython) {
    return { message: error.message, remedies: [SET_PYTHON, SHOW_LOG] };
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof ResponseError ? error.code : 0;
  return { message, remedies: REMEDIES[code] ?? [SHOW_LOG] };
}

/** Shows the problem as a notification with its remedies as buttons. */
export async function showProblem(problem: Problem, severity: "error" | "warning" = "error"): Promise<void> {
  const show = severity === "error" ? window.showErrorMessage : window.showWarningMessage;
  const chosen = await show(problem.message, ...problem.remedies.map((remedy) => remedy.title));
  await apply(problem.remedies.find((candidate) => candidate.title === chosen));
}

/** Does what the button says; nothing when none was pressed. */
export async function apply(remedy: Remedy | undefined): Promise<void> {
  if (remedy !== undefined) {
    await commands.executeCommand(remedy.command, ...(remedy.args ?? []));
  }
}
