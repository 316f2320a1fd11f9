import { ProcessExecution, Task, tasks, TaskRevealKind, TaskScope } from "vscode";
import type { CommandFactory } from "../context";

/** Installs the embedded engine and its model in a terminal, where its progress can be watched. */
export const fetchModel: CommandFactory = (context) => async () => {
  const { command, args, env } = await context.sidecar.cli(["models", "fetch"]);
  const task = new Task(
    { type: "refrain", task: "fetchModel" },
    TaskScope.Workspace,
    "Fetch Embedded Model",
    "refrain",
    new ProcessExecution(command, args, { env }),
    [],
  );
  task.presentationOptions = { reveal: TaskRevealKind.Always, clear: true };
  const execution = await tasks.executeTask(task);
  const ended = tasks.onDidEndTaskProcess((event) => {
    if (event.execution !== execution) {
      return;
    }
    ended.dispose();
    if (event.exitCode === 0) {
      // A new sidecar finds the engine and loads the model before it is asked.
      void context.sidecar.restart();
    }
  });
};
