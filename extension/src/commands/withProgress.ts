import { randomUUID } from "node:crypto";
import { type CancellationToken, CancellationTokenSource, ProgressLocation, window } from "vscode";
import type { Context } from "../context";
import { AT_ONCE_MS, takesLonger } from "../patience";
import type { EnrichProgress } from "../protocol";

/**
 * Runs `work`. If that is not done at once, a notification tells what the sidecar says of the request, and can cancel
 * it; `told` hears the same, from the first step on.
 */
export async function withProgress<T>(
  { sidecar, statusBar }: Context,
  begun: string,
  work: (requestId: string, token: CancellationToken) => Promise<T>,
  told: (step: EnrichProgress) => void = () => undefined,
): Promise<T> {
  const requestId = randomUUID();
  const cancelling = new CancellationTokenSource();
  const early: EnrichProgress[] = [];
  let tell = (step: EnrichProgress): unknown => early.push(step);
  const following = sidecar.onProgress((step) => step.requestId === requestId && tell(step));
  let idle = (): void => undefined;
  const working = work(requestId, cancelling.token);
  try {
    if (await takesLonger(working, AT_ONCE_MS)) {
      idle = statusBar.busy();
      const options = { location: ProgressLocation.Notification, title: "Refrain", cancellable: true };
      return await window.withProgress(options, (progress, token) => {
        token.onCancellationRequested(() => cancelling.cancel());
        progress.report({ message: begun });
        tell = (step) => {
          progress.report({ message: step.message });
          told(step);
        };
        early.forEach(tell);
        return working;
      });
    }
    return await working;
  } finally {
    following.dispose();
    idle();
    cancelling.dispose();
  }
}
