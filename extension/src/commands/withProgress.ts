import { randomUUID } from "node:crypto";
import { type CancellationToken, CancellationTokenSource, ProgressLocation, window } from "vscode";
import type { Context } from "../context";
import { AT_ONCE_MS, takesLonger } from "../patience";
import type { EnrichProgress } from "../protocol";

/**
 * Runs `work`. If that is not done at once, a notification tells what the sidecar says of the request, and can cancel
 * it. `told` hears the same, from the first step on; once it says that it shows the step itself, and with it a way to
 * `cancel`, the notification goes.
 */
export async function withProgress<T>(
  { sidecar, statusBar }: Context,
  begun: string,
  work: (requestId: string, token: CancellationToken) => Promise<T>,
  told: (step: EnrichProgress, cancel: () => void) => boolean = () => false,
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
      const cancel = (): void => cancelling.cancel();
      const notice = { message: begun, needed: true, changed: (): void => undefined };
      tell = (step) => {
        notice.message = step.message;
        notice.needed = !told(step, cancel) && notice.needed;
        notice.changed();
      };
      early.forEach(tell);
      if (notice.needed) {
        const options = { location: ProgressLocation.Notification, title: "Refrain", cancellable: true };
        await window.withProgress(options, (progress, token) => {
          token.onCancellationRequested(cancel);
          const unneeded = new Promise<void>((resolve) => {
            notice.changed = () => (notice.needed ? progress.report({ message: notice.message }) : resolve());
            notice.changed();
          });
          return Promise.race([working, unneeded]);
        });
      }
    }
    return await working;
  } finally {
    following.dispose();
    idle();
    cancelling.dispose();
  }
}
