import { type Disposable, EventEmitter, type LogOutputChannel, workspace } from "vscode";
import { SERVE, type ServeAction, type ServeState } from "./protocol";
import type { Sidecar } from "./sidecar";

/** The proxy: started with the editor where `refrain.serve` says so, and again with each new sidecar until it is stopped. */
export class Serving implements Disposable {
  private readonly changed = new EventEmitter<undefined>();
  private readonly subscriptions: Disposable[];
  private wanted = setting();
  private current: ServeState | undefined;

  readonly onDidChange = this.changed.event;

  constructor(
    private readonly sidecar: Sidecar,
    private readonly log: LogOutputChannel,
  ) {
    this.subscriptions = [
      this.changed,
      sidecar.onDidChangeServe((state) => this.enter(state)),
      sidecar.onDidChangeState((state) => {
        // It ended with the sidecar.
        this.enter(undefined);
        if (state === "running" && this.wanted) {
          this.quietly("start");
        }
      }),
    ];
  }

  /** What is known of it; undefined as long as nobody asked for it. */
  get state(): ServeState | undefined {
    return this.current;
  }

  /** Starts or stops it once the sidecar runs. Throws what `Sidecar.request` does; why it does not run is in the state. */
  async act(action: ServeAction): Promise<ServeState> {
    if (action !== "state") {
      this.wanted = action === "start";
    }
    const state = await this.sidecar.request(SERVE, { action });
    this.enter(state);
    return state;
  }

  /** Starts or stops it after the setting was changed. */
  obeySetting(): void {
    if (setting() !== this.wanted) {
      this.quietly(setting() ? "start" : "stop");
    }
  }

  dispose(): void {
    this.subscriptions.forEach((subscription) => void subscription.dispose());
  }

  private quietly(action: ServeAction): void {
    this.act(action).catch((error: unknown) => this.log.warn(`Serving: ${String(error)}`));
  }

  private enter(state: ServeState | undefined): void {
    this.current = state;
    this.changed.fire(undefined);
  }
}

function setting(): boolean {
  return workspace.getConfiguration("refrain").get("serve", false);
}
