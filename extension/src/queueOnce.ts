/**
 * Runs one task at a time. What is asked for while it runs is run once more afterwards, however often it was asked:
 * everybody who asked meanwhile waits for that same second run.
 */
export class QueueOnce {
  private running: Promise<void> | undefined;
  private queued: Promise<void> | undefined;

  constructor(private readonly task: () => Promise<void>) {}

  run(): Promise<void> {
    if (this.running === undefined) {
      return this.begin();
    }
    const next = (): Promise<void> => this.begin();
    this.queued ??= this.running.then(next, next);
    return this.queued;
  }

  private begin(): Promise<void> {
    this.queued = undefined;
    const run = this.task().finally(() => {
      if (this.running === run) {
        this.running = undefined;
      }
    });
    this.running = run;
    return run;
  }
}
