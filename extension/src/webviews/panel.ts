import { type Disposable, type ExtensionContext, Uri, ViewColumn, type WebviewPanel, window } from "vscode";
import { page } from "./page";

/** What a panel is: its view type (also its bundle's name), its title, and where it opens. */
export interface PanelKind {
  name: "stats" | "enrichment" | "recipe" | "report";
  title: string;
  beside: boolean;
}

/**
 * One webview that is opened once and then reused. What is posted before the page is ready waits for it; a page that
 * is loaded anew, after it was hidden, gets the last message again.
 */
export abstract class SinglePanel<To, From extends { type: string }> implements Disposable {
  private panel: WebviewPanel | undefined;
  private last: To | undefined;
  private ready = false;

  constructor(
    private readonly context: ExtensionContext,
    private readonly kind: PanelKind,
  ) {}

  /** What the page asks for; `ready` among it. */
  protected abstract receive(message: From): void;

  /** The panel was closed. */
  protected closed(): void {
    // Most have nothing to end.
  }

  protected get exists(): boolean {
    return this.panel !== undefined;
  }

  protected get visible(): boolean {
    return this.panel?.visible ?? false;
  }

  /** Opens the panel, or brings it to the front. The focus stays where it is for one that opens beside. */
  protected open(title = this.kind.title): void {
    if (this.panel === undefined) {
      this.panel = this.create();
    } else if (!this.panel.visible) {
      this.panel.reveal(undefined, this.kind.beside);
    }
    this.panel.title = title;
  }

  protected post(message: To): void {
    this.last = message;
    if (this.ready) {
      void this.panel?.webview.postMessage(message);
    }
  }

  dispose(): void {
    this.panel?.dispose();
  }

  private create(): WebviewPanel {
    const panel = window.createWebviewPanel(
      `refrain.${this.kind.name}`,
      this.kind.title,
      { viewColumn: this.kind.beside ? ViewColumn.Beside : ViewColumn.Active, preserveFocus: this.kind.beside },
      {
        enableScripts: true,
        localResourceRoots: [Uri.joinPath(this.context.extensionUri, "out", "webviews")],
      },
    );
    panel.iconPath = Uri.joinPath(this.context.extensionUri, "media", "icon.png");
    panel.webview.onDidReceiveMessage((message: From) => {
      if (message.type === "ready") {
        this.ready = true;
        if (this.last !== undefined) {
          void panel.webview.postMessage(this.last);
        }
      }
      this.receive(message);
    });
    panel.onDidChangeViewState(() => {
      if (!panel.visible) {
        this.ready = false;
      }
    });
    panel.onDidDispose(() => {
      this.panel = undefined;
      this.last = undefined;
      this.ready = false;
      this.closed();
    });
    panel.webview.html = page(panel.webview, this.context.extensionUri, this.kind.name, this.kind.title);
    return panel;
  }
}
