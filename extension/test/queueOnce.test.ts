import assert from "node:assert/strict";
import { it } from "node:test";
import { Crashes } from "../src/crashes";
import { QueueOnce } from "../src/queueOnce";

/** A task that ends when it is told to, and counts its runs. */
class Held {
  runs = 0;
  private readonly ends: ((error?: Error) => void)[] = [];

  readonly task = (): Promise<void> => {
    this.runs += 1;
    return new Promise((resolve, reject) => this.ends.push((error) => (error ? reject(error) : resolve())));
  };

  end(error?: Error): void {
    this.ends.shift()?.(error);
  }
}

it("queues what is asked for during a run once, however often it is asked", async () => {
  const held = new Held();
  const queue = new QueueOnce(held.task);
  const first = queue.run();
  const more = [queue.run(), queue.run(), queue.run()];
  assert.equal(held.runs, 1);
  held.end();
  await first;
  assert.equal(held.runs, 2);
  held.end();
  await Promise.all(more);
  assert.equal(held.runs, 2);
});

it("runs what was queued also when the run before it failed", async () => {
  const held = new Held();
  const queue = new QueueOnce(held.task);
  const first = queue.run();
  const second = queue.run();
  held.end(new Error("no"));
  await assert.rejects(first, /no/);
  held.end();
  await second;
  assert.equal(held.runs, 2);
});

it("runs again once it is idle", async () => {
  const held = new Held();
  const queue = new QueueOnce(held.task);
  for (let round = 1; round <= 2; round += 1) {
    const run = queue.run();
    held.end();
    await run;
    assert.equal(held.runs, round);
  }
});

it("gives up at the fourth end within three minutes, and counts anew after that time", () => {
  const crashes = new Crashes();
  assert.deepEqual([0, 1000, 2000, 3000].map((now) => crashes.mayRestart(now)), [true, true, true, false]);
  assert.equal(crashes.mayRestart(400_000), true);
});
