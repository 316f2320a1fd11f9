import { ProcessExecution, Task, TaskRevealKind, TaskScope, tasks } from "vscode";
import type { Context } from "../context";

/** Runs the sidecar's command line as a task of that name, in a terminal that shows it. Returns its exit code. */
export async function inTerminal({ sidecar }: Context, name: string, task: string, words: readonly string[]): Promise<number | undefined> {
  const { command, args, env } = await sidecar.cli([...words]);
  const shown = new Task(
    { type: "refrain", task },
    TaskScope.Workspace,
    name,
    "refrain",
    new ProcessExecution(command, args, { env }),
    [],
  );
  shown.presentationOptions = { reveal: TaskRevealKind.Always, clear: true };
  const execution = await tasks.executeTask(shown);
  return new Promise((resolve) => {
    const ended = tasks.onDidEndTaskProcess((event) => {
      if (event.execution === execution) {
        ended.dispose();
        resolve(event.exitCode);
      }
    });
  });
}
