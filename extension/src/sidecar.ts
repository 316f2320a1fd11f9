import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type CancellationToken,
  commands,
  type Disposable,
  EventEmitter,
  type ExtensionContext,
  type LogOutputChannel,
  type Uri,
  workspace,
} from "vscode";
import { type LanguageClient, State } from "vscode-languageclient/node";
import { configured } from "./configFile";
import { Crashes, CRASH_LIMIT, CRASH_WINDOW_MS } from "./crashes";
import { languageClient } from "./languageClient";
import { cliLaunch, type Launch, packageFolders, sidecarLaunch } from "./launch";
import { type Problem, problemOf, RESTART, SHOW_LOG, SET_PYTHON, showProblem, SidecarStopped } from "./problem";
import {
  ENRICH_PROGRESS,
  type EnrichProgress,
  RUN_PROGRESS,
  type RunProgress,
  SERVE_CHANGED,
  type ServeState,
  STATS,
  STATS_CHANGED,
  type StatsResult,
} from "./protocol";
import type { Interpreter } from "./python/candidate";
import { findPython, type Found } from "./python/find";
import { QueueOnce } from "./queueOnce";
import type { Method, Requests } from "./requests";

export type SidecarState = "starting" | "running" | "stopped";

/** What would be started now. */
interface Plan extends Found {
  launch: Launch;
  configPath: string | null;
  trusted: boolean;
}

/** The Python process: finds an interpreter for it, starts it, talks to it, and brings it back when it dies. */
export class Sidecar implements Disposable {
  private readonly stateChanged = new EventEmitter<SidecarState>();
  private readonly statsChanged = new EventEmitter<StatsResult>();
  private readonly serveChanged = new EventEmitter<ServeState>();
  private readonly progressed = new EventEmitter<EnrichProgress>();
  private readonly ran = new EventEmitter<RunProgress>();
  private readonly starts = new QueueOnce(() => this.startAnew());
  private readonly crashes = new Crashes();
  private client: LanguageClient | undefined;
  private launched = "";
  private interpreter: Interpreter | undefined;
  private current: SidecarState = "stopped";
  private problem: Problem = { message: "The sidecar has not been started.", remedies: [RESTART, SHOW_LOG] };
  private disposed = false;
  /** The last line it wrote to stderr: where Python says why it could not start. */
  private lastWords = "";

  readonly onDidChangeState = this.stateChanged.event;
  readonly onDidChangeStats = this.statsChanged.event;
  readonly onDidChangeServe = this.serveChanged.event;
  readonly onProgress = this.progressed.event;
  readonly onRunProgress = this.ran.event;

  constructor(
    private readonly context: ExtensionContext,
    private readonly log: LogOutputChannel,
  ) {}

  get state(): SidecarState {
    return this.current;
  }

  /** Why it is stopped; meaningful in that state only. */
  get stoppedBecause(): Problem {
    return this.problem;
  }

  /** Whether it is stopped because no Python was found to run it. */
  get withoutPython(): boolean {
    return this.current === "stopped" && this.problem.remedies.includes(SET_PYTHON);
  }

  /** Starts it, or stops it and starts it again. A call during a start is queued once. Never throws. */
  restart(): Promise<void> {
    this.crashes.forget();
    return this.starts.run();
  }

  /** Starts it again only if another interpreter or configuration would be used now, or the workspace is trusted now. */
  async restartIfChanged(): Promise<void> {
    try {
      if (sameAs(await this.plan()) === this.launched && this.current !== "stopped") {
        return;
      }
    } catch (error) {
      this.log.warn(`Starting anew to report: ${String(error)}`);
    }
    await this.restart();
  }

  /**
   * Sends a request once the sidecar runs. Throws `SidecarStopped` when it does not, and the sidecar's own error when
   * it refuses; cancelling `token` cancels the work there.
   */
  async request<M extends Method>(
    method: M,
    params: Requests[M]["params"],
    token?: CancellationToken,
  ): Promise<Requests[M]["result"]> {
    if (this.current === "starting") {
      await this.whenSettled(token);
    }
    if (this.client === undefined || this.current !== "running") {
      throw new SidecarStopped(this.problem);
    }
    // An undefined token would be taken for a second parameter.
    return token === undefined
      ? this.client.sendRequest<Requests[M]["result"]>(method, params)
      : this.client.sendRequest<Requests[M]["result"]>(method, params, token);
  }

  /** The command line with the sidecar's interpreter, packages and configuration. Throws `NoPython`. */
  async cli(args: readonly string[]): Promise<Launch> {
    const interpreter = this.interpreter ?? (await findPython(this.folder, this.log)).interpreter;
    return cliLaunch(interpreter, this.packages(), args, this.configPath, process.env["PYTHONPATH"]);
  }

  /** The folder the sidecar works in: the first one of the workspace, if that is trusted. */
  get folder(): Uri | undefined {
    return !workspace.isTrusted ? undefined : workspace.workspaceFolders?.find((folder) => folder.uri.scheme === "file")?.uri;
  }

  /** The configuration file that the setting names, or null where the sidecar is to look for one. */
  get configPath(): string | null {
    const setting = workspace.getConfiguration("refrain", this.folder).get<string>("configPath", "");
    return configured(setting, this.folder?.fsPath);
  }

  async stop(): Promise<void> {
    this.disposed = true;
    await this.end();
  }

  dispose(): void {
    this.stateChanged.dispose();
    this.statsChanged.dispose();
    this.serveChanged.dispose();
    this.progressed.dispose();
    this.ran.dispose();
  }

  private whenSettled(token: CancellationToken | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        changed.dispose();
        cancelled?.dispose();
        resolve();
      };
      const changed = this.onDidChangeState((state) => state !== "starting" && done());
      const cancelled = token?.onCancellationRequested(done);
    });
  }

  private packages(): string[] {
    const { extensionPath } = this.context;
    return packageFolders(extensionPath, existsSync(join(extensionPath, "bundled", "libs")));
  }

  private async plan(): Promise<Plan> {
    const { interpreter, passedOver } = await findPython(this.folder, this.log);
    const launch = sidecarLaunch(interpreter, this.packages(), process.env["PYTHONPATH"]);
    return { launch, configPath: this.configPath, trusted: workspace.isTrusted, interpreter, passedOver };
  }

  private tellPassedOver({ interpreter, passedOver }: Plan): void {
    const setting = passedOver.find(({ candidate }) => candidate.source.startsWith("setting"));
    if (setting !== undefined) {
      const message = `refrain.pythonPath (${setting.candidate.command}) will not do: ${setting.reason}. Using Python ${interpreter.version} at ${interpreter.executable} instead.`;
      void showProblem({ message, remedies: [SET_PYTHON, SHOW_LOG] }, "warning");
    }
  }

  private async startAnew(): Promise<void> {
    this.enter("starting");
    this.interpreter = undefined;
    await this.end();
    try {
      const plan = await this.plan();
      this.launched = sameAs(plan);
      this.interpreter = plan.interpreter;
      this.tellPassedOver(plan);
      this.lastWords = "";
      await mkdir(this.context.globalStorageUri.fsPath, { recursive: true });
      const client = this.clientFor(plan);
      this.client = client;
      await client.start();
      this.log.info(`Sidecar started with Python ${plan.interpreter.version}: ${plan.launch.command}`);
    } catch (error) {
      if (this.disposed) {
        return;
      }
      const { message, remedies } = problemOf(error);
      this.fail(
        remedies.includes(SET_PYTHON)
          ? { message, remedies }
          : {
              message: `The Refrain sidecar did not start: ${this.lastWords === "" ? message : this.lastWords}`,
              remedies: [RESTART, SHOW_LOG],
            },
      );
    }
  }

  private clientFor({ launch, configPath, trusted }: Plan): LanguageClient {
    let ran = false;
    const client = languageClient({
      launch,
      configPath,
      trusted,
      cwd: this.folder?.fsPath ?? this.context.globalStorageUri.fsPath,
      log: this.log,
      onLine: (text) => (this.lastWords = text),
      onClosed: () => this.closed(ran),
    });
    client.onDidChangeState(({ newState }) => {
      if (this.client === client && newState === State.Running) {
        ran = true;
        this.enter("running");
        void this.firstStats();
      }
    });
    client.onNotification(STATS_CHANGED, (stats: StatsResult) => this.statsChanged.fire(stats));
    client.onNotification(SERVE_CHANGED, (state: ServeState) => this.serveChanged.fire(state));
    client.onNotification(ENRICH_PROGRESS, (progress: EnrichProgress) => this.progressed.fire(progress));
    client.onNotification(RUN_PROGRESS, (progress: RunProgress) => this.ran.fire(progress));
    return client;
  }

  private async firstStats(): Promise<void> {
    try {
      this.statsChanged.fire(await this.request(STATS, { window: "session" }));
    } catch (error) {
      this.log.warn(`No statistics yet: ${String(error)}`);
    }
  }

  /** It ended without being asked to. Returns what the log says of it. */
  private closed(ran: boolean): string {
    if (!ran) {
      return "The sidecar ended while it was starting.";
    }
    if (this.crashes.mayRestart(Date.now())) {
      this.enter("starting");
      // Once the client has finished with this connection.
      setImmediate(() => void this.starts.run());
      return "The sidecar ended unexpectedly; starting it again.";
    }
    const message = `The Refrain sidecar ended ${CRASH_LIMIT} times within ${CRASH_WINDOW_MS / 60_000} minutes and is not started again. The log says why.`;
    this.fail({ message, remedies: [SHOW_LOG, RESTART] });
    return message;
  }

  private async end(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    if (client === undefined) {
      return;
    }
    try {
      await client.dispose(2000);
    } catch (error) {
      this.log.warn(`The sidecar did not stop in order (${String(error)}); it ends when its input closes.`);
    }
  }

  private fail(problem: Problem): void {
    this.problem = problem;
    this.enter("stopped");
    this.log.error(problem.message);
    void showProblem(problem);
  }

  private enter(state: SidecarState): void {
    if (this.disposed || state === this.current) {
      return;
    }
    this.current = state;
    void commands.executeCommand("setContext", "refrain.sidecar", state);
    this.stateChanged.fire(state);
  }
}

/** What tells one plan from another: the process and the configuration, not how Python was found. */
function sameAs({ launch, configPath, trusted }: Plan): string {
  return JSON.stringify([launch, configPath, trusted]);
}
