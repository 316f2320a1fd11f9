import { type Disposable, MarkdownString, StatusBarAlignment, ThemeColor, window } from "vscode";
import type { StatsResult } from "./protocol";
import type { Serving } from "./serving";
import type { Sidecar } from "./sidecar";
import { statusText } from "./statusText";

/** The live hit rate. `busy()` shows a spinner until the returned function is called, once. */
export class StatusBar implements Disposable {
  private readonly item = window.createStatusBarItem("refrain.status", StatusBarAlignment.Right, 90);
  private readonly subscriptions: Disposable[];
  private stats: StatsResult | undefined;
  private working = 0;

  constructor(
    private readonly sidecar: Sidecar,
    private readonly serving: Serving,
  ) {
    this.item.name = "Refrain";
    this.item.command = "refrain.showStats";
    this.subscriptions = [
      sidecar.onDidChangeState(() => this.render()),
      serving.onDidChange(() => this.render()),
      sidecar.onDidChangeStats((stats) => {
        this.stats = stats;
        this.render();
      }),
    ];
    this.render();
    this.item.show();
  }

  busy(): () => void {
    this.working += 1;
    this.render();
    return () => {
      this.working -= 1;
      this.render();
    };
  }

  dispose(): void {
    this.item.dispose();
    this.subscriptions.forEach((subscription) => void subscription.dispose());
  }

  private render(): void {
    const { state, stoppedBecause } = this.sidecar;
    const face = statusText(state, this.stats, this.working > 0, stoppedBecause.message, this.serving.state);
    this.item.text = face.text;
    const tooltip = new MarkdownString(face.tooltip, true);
    tooltip.isTrusted = { enabledCommands: ["refrain.chooseModel", "refrain.serve"] };
    this.item.tooltip = tooltip;
    this.item.backgroundColor = face.warning ? new ThemeColor("statusBarItem.warningBackground") : undefined;
    this.item.accessibilityInformation = { label: face.spoken };
  }
}
