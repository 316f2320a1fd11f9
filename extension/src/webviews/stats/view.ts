import { commands, type Disposable, type ExtensionContext } from "vscode";
import { apply, problemOf, type Remedy } from "../../problem";
import { STATS, type StatsWindow } from "../../protocol";
import type { Serving } from "../../serving";
import type { Sidecar } from "../../sidecar";
import { SinglePanel } from "../panel";
import type { FromStats, ToStats } from "./protocol";

/** The stats panel: shows the window of time chosen in it and follows every change while it is visible. */
export class StatsView extends SinglePanel<ToStats, FromStats> {
  private readonly subscriptions: Disposable[];
  private window: StatsWindow = "session";
  private remedies: readonly Remedy[] = [];

  constructor(
    extension: ExtensionContext,
    private readonly sidecar: Sidecar,
    private readonly serving: Serving,
  ) {
    super(extension, { name: "stats", title: "Refrain: Cache Stats", beside: false });
    this.subscriptions = [
      sidecar.onDidChangeStats(() => this.visible && void this.refresh()),
      serving.onDidChange(() => this.visible && void this.refresh()),
      sidecar.onDidChangeState((state) => this.visible && state !== "starting" && void this.refresh()),
    ];
  }

  show(): void {
    this.open();
    void this.refresh();
  }

  override dispose(): void {
    super.dispose();
    this.subscriptions.forEach((subscription) => void subscription.dispose());
  }

  protected receive(message: FromStats): void {
    switch (message.type) {
      case "ready":
        return void this.refresh();
      case "window":
        this.window = message.window;
        return void this.refresh();
      case "remedy":
        return void apply(this.remedies[message.index]);
      case "command":
        return void commands.executeCommand(message.command);
    }
  }

  private async refresh(): Promise<void> {
    const window = this.window;
    try {
      const stats = await this.sidecar.request(STATS, { window });
      if (window === this.window) {
        this.post({ type: "stats", stats, proxy: this.serving.state });
      }
    } catch (error) {
      const { message, remedies } = problemOf(error);
      this.remedies = remedies;
      this.post({ type: "problem", message, remedies: remedies.map(({ title }) => title) });
    }
  }
}
