import { type LogOutputChannel, ProcessExecution, Task, type TaskDefinition, type TaskProvider, TaskScope, type WorkspaceFolder } from "vscode";
import type { Sidecar } from "./sidecar";
import { OFFERED, type RefrainTask, taskArguments } from "./taskArguments";

/** Tasks of type `refrain`: the command line in a terminal, with the sidecar's interpreter and packages. */
export class RefrainTasks implements TaskProvider {
  constructor(
    private readonly sidecar: Sidecar,
    private readonly log: LogOutputChannel,
  ) {}

  async provideTasks(): Promise<Task[]> {
    const tasks = await Promise.all(
      OFFERED.map(([name, definition]) => this.make(name, TaskScope.Workspace, { type: "refrain", ...definition })),
    );
    return tasks.filter((task) => task !== undefined);
  }

  resolveTask(task: Task): Promise<Task | undefined> {
    return this.make(task.name, task.scope ?? TaskScope.Workspace, task.definition);
  }

  private async make(
    name: string,
    scope: WorkspaceFolder | TaskScope.Global | TaskScope.Workspace,
    definition: TaskDefinition,
  ): Promise<Task | undefined> {
    const args = taskArguments(definition as TaskDefinition & RefrainTask);
    if (args === undefined) {
      this.log.warn(`There is no refrain task “${String(definition["task"])}”; it is left out.`);
      return undefined;
    }
    try {
      const { command, args: all, env } = await this.sidecar.cli(args);
      // No problem matchers, and said so: else VS Code asks for one before each run.
      return new Task(definition, scope, name, "refrain", new ProcessExecution(command, all, { env }), []);
    } catch (error) {
      this.log.warn(`The task “${name}” is left out: ${String(error)}`);
      return undefined;
    }
  }
}
