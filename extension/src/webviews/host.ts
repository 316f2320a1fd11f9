declare function acquireVsCodeApi(): {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
};

/** The extension as the page sees it: typed messages in and out. */
export class Host<To, From extends { type: string }> {
  private readonly api = acquireVsCodeApi();

  /** Listens, then says it is ready, so that no message is missed. */
  listen(receive: (message: To) => void): void {
    window.addEventListener("message", (event: MessageEvent<To>) => receive(event.data));
    this.api.postMessage({ type: "ready" });
  }

  send(message: From): void {
    this.api.postMessage(message);
  }
}
