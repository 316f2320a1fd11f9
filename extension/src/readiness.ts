import { commands, type Disposable } from "vscode";
import type { StatsResult } from "./protocol";
import type { Serving } from "./serving";
import type { Sidecar } from "./sidecar";

/** What keeps Refrain from answering: the first of these that is not there, or nothing. */
type Missing = "python" | "sidecar" | "engine" | "";

/**
 * Tells the editor how far the set-up has come, for the welcome of the view, the steps of the walkthrough and the
 * palette: `refrain.missing`, `refrain.engine`, `refrain.enriched` and `refrain.serving`.
 */
export class Readiness implements Disposable {
  private readonly told = new Map<string, unknown>();
  private readonly subscriptions: Disposable[];

  constructor(
    private readonly sidecar: Sidecar,
    serving: Serving,
  ) {
    this.subscriptions = [
      sidecar.onDidChangeState((state) => {
        // What is missing while it starts, its first statistics say.
        if (state === "stopped") {
          this.tell("missing", sidecar.withoutPython ? "python" : "sidecar");
        }
      }),
      sidecar.onDidChangeStats((stats) => this.see(stats)),
      serving.onDidChange(() => this.tell("serving", serving.state?.running ?? false)),
    ];
  }

  dispose(): void {
    this.subscriptions.forEach((subscription) => void subscription.dispose());
  }

  private see({ engine, engineMessage, kinds }: StatsResult): void {
    if (this.sidecar.state === "stopped") {
      return;
    }
    const missing: Missing = engine === null && engineMessage !== null ? "engine" : "";
    this.tell("missing", missing);
    this.tell("engine", engine !== null);
    this.tell("enriched", kinds.some(({ kind, entries }) => kind === "stage1_enrichment" && entries > 0));
  }

  private tell(name: string, value: unknown): void {
    if (this.told.get(name) !== value) {
      this.told.set(name, value);
      void commands.executeCommand("setContext", `refrain.${name}`, value);
    }
  }
}
