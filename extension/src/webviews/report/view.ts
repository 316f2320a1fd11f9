import { commands, type Disposable, type ExtensionContext } from "vscode";
import { SinglePanel } from "../panel";
import type { FromReport, Report, ToReport } from "./protocol";

/** A short page beside the editor: CPU threads, the last miss, the set-up. */
export class ReportView implements Disposable {
  private readonly panel: SinglePanel<ToReport, FromReport>;

  constructor(extension: ExtensionContext) {
    this.panel = new SinglePanel<ToReport, FromReport>(
      extension,
      { name: "report", title: "Refrain", beside: true },
      (message) => message.type === "command" && void commands.executeCommand(message.command),
    );
  }

  show(report: Report): void {
    this.panel.show(`Refrain: ${report.title}`);
    this.panel.post({ type: "report", report });
  }

  dispose(): void {
    this.panel.dispose();
  }
}
