import { randomUUID } from "node:crypto";
import { type CancellationToken, ProgressLocation, window } from "vscode";
import type { Context } from "../context";

/** Runs `work` under a notification that tells what the sidecar says of its request, and that can cancel it. */
export function withProgress<T>(
  { sidecar, statusBar }: Context,
  begun: string,
  work: (requestId: string, token: CancellationToken) => Promise<T>,
): Thenable<T> {
  const requestId = randomUUID();
  const options = { location: ProgressLocation.Notification, title: "Refrain", cancellable: true };
  return window.withProgress(options, async (progress, token) => {
    progress.report({ message: begun });
    const idle = statusBar.busy();
    const following = sidecar.onProgress(
      (step) => step.requestId === requestId && progress.report({ message: step.message }),
    );
    try {
      return await work(requestId, token);
    } finally {
      following.dispose();
      idle();
    }
  });
}
