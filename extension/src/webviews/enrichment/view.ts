import { env, type ExtensionContext, window } from "vscode";
import type { EnrichResult } from "../../protocol";
import { SinglePanel } from "../panel";
import { excerpt } from "./excerpt";
import type { FromEnrichment, ToEnrichment } from "./protocol";

/** The result of an enrichment beside the text it came from. */
export class EnrichmentView extends SinglePanel<ToEnrichment, FromEnrichment> {
  private result: EnrichResult | undefined;
  private again: () => void = () => undefined;

  constructor(extension: ExtensionContext) {
    super(extension, { name: "enrichment", title: "Refrain: Enrichment", beside: true });
  }

  /** Shows `result`; `again` enriches the same text afresh. */
  show(result: EnrichResult, text: string, again: () => void): void {
    this.result = result;
    this.again = again;
    this.open();
    this.post({ type: "result", result, excerpt: excerpt(text) });
  }

  protected receive(message: FromEnrichment): void {
    if (message.type === "again") {
      this.again();
    } else if (message.type === "copy" && this.result !== undefined) {
      void env.clipboard.writeText(JSON.stringify(this.result, null, 2));
      window.setStatusBarMessage("Refrain: copied as JSON", 3000);
    }
  }
}
