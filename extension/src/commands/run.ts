import { CancellationError, type LogOutputChannel } from "vscode";
import { LSPErrorCodes, ResponseError } from "vscode-languageclient/node";
import { problemOf, showProblem } from "../problem";

/** Runs a command's work. What fails is logged and shown with what may help; what the user cancelled is neither. */
export async function run(log: LogOutputChannel, work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (cancelled(error)) {
      return;
    }
    const problem = problemOf(error);
    if (!(error instanceof ResponseError)) {
      // What the sidecar refuses, it logs itself.
      log.error(problem.message);
    }
    await showProblem(problem);
  }
}

/** Whether an error only says that the user cancelled. */
export function cancelled(error: unknown): boolean {
  return (
    error instanceof CancellationError ||
    (error instanceof ResponseError && error.code === LSPErrorCodes.RequestCancelled)
  );
}
