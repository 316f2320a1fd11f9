import { commands, type ExtensionContext } from "vscode";
import { SinglePanel } from "../panel";
import type { FromReport, Report, ToReport } from "./protocol";

/** A short page beside the editor: CPU threads, the last miss, the set-up. */
export class ReportView extends SinglePanel<ToReport, FromReport> {
  constructor(extension: ExtensionContext) {
    super(extension, { name: "report", title: "Refrain", beside: true });
  }

  show(report: Report): void {
    this.open(`Refrain: ${report.title}`);
    this.post({ type: "report", report });
  }

  protected receive(message: FromReport): void {
    if (message.type === "command") {
      void commands.executeCommand(message.command);
    }
  }
}
