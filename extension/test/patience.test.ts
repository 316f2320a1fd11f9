import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { takesLonger } from "../src/patience";

describe("what is not done at once", () => {
  const never = new Promise<never>(() => undefined);

  it("is what is still under way after the time", async () => {
    assert.equal(await takesLonger(never, 5), true);
  });

  it("is not what ended before, however it ended", async () => {
    assert.equal(await takesLonger(Promise.resolve("done"), 60_000), false);
    assert.equal(await takesLonger(Promise.reject(new Error("refused")), 60_000), false);
  });
});
