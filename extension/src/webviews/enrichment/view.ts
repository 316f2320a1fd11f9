import { type Disposable, env, type ExtensionContext, window } from "vscode";
import type { EnrichResult } from "../../protocol";
import { SinglePanel } from "../panel";
import { excerpt } from "./excerpt";
import type { FromEnrichment, ToEnrichment } from "./protocol";

/** The result of an enrichment beside the text it came from. */
export class EnrichmentView implements Disposable {
  private readonly panel: SinglePanel<ToEnrichment, FromEnrichment>;
  private result: EnrichResult | undefined;
  private again: () => void = () => undefined;

  constructor(extension: ExtensionContext) {
    this.panel = new SinglePanel<ToEnrichment, FromEnrichment>(
      extension,
      { name: "enrichment", title: "Refrain: Enrichment", beside: true },
      (message) => this.receive(message),
    );
  }

  /** Shows `result`; `again` enriches the same text afresh. */
  show(result: EnrichResult, text: string, again: () => void): void {
    this.result = result;
    this.again = again;
    this.panel.show();
    this.panel.post({ type: "result", result, excerpt: excerpt(text) });
  }

  dispose(): void {
    this.panel.dispose();
  }

  private receive(message: FromEnrichment): void {
    if (message.type === "again") {
      this.again();
    } else if (message.type === "copy" && this.result !== undefined) {
      void env.clipboard.writeText(JSON.stringify(this.result, null, 2));
      window.setStatusBarMessage("Refrain: copied as JSON", 3000);
    }
  }
}
