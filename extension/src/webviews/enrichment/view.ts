import { env, type ExtensionContext, window } from "vscode";
import type { EnrichResult } from "../../protocol";
import { SinglePanel } from "../panel";
import { excerpt } from "./excerpt";
import type { FromEnrichment, Shown, ToEnrichment } from "./protocol";

/** An enrichment, as it is made and as it came out, beside the text it came from. */
export class EnrichmentView extends SinglePanel<ToEnrichment, FromEnrichment> {
  private result: EnrichResult | null = null;
  private again: () => void = () => undefined;
  private cancel: () => void = () => undefined;
  private enrichments = 0;
  private shown = 0;

  constructor(extension: ExtensionContext) {
    super(extension, { name: "enrichment", title: "Refrain: Enrichment", beside: true });
  }

  /**
   * An enrichment of `text` begins; what is returned shows how far it has come and says whether it did: not if one that
   * began later has been shown. The panel opens once for it, and stays closed if it is closed meanwhile. `again` enriches
   * the text afresh, `cancel` ends what is under way.
   */
  begin(text: string, again: () => void): (shown: Shown, cancel?: () => void) => boolean {
    this.enrichments += 1;
    const mine = this.enrichments;
    let opened = false;
    return (shown, cancel = () => undefined) => {
      if (mine < this.shown || (opened && !this.exists)) {
        return false;
      }
      this.shown = mine;
      this.result = shown.result;
      this.again = again;
      this.cancel = cancel;
      if (!opened) {
        this.open();
        opened = true;
      }
      this.post({ type: "shown", shown, excerpt: excerpt(text) });
      return true;
    };
  }

  protected receive(message: FromEnrichment): void {
    if (message.type === "again") {
      this.again();
    } else if (message.type === "cancel") {
      this.cancel();
    } else if (message.type === "copy" && this.result !== null) {
      void env.clipboard.writeText(JSON.stringify(this.result, null, 2));
      window.setStatusBarMessage("Refrain: copied as JSON", 3000);
    }
  }
}
