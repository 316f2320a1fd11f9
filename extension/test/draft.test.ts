import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EnrichProgress } from "../src/protocol";
import { drafted, type Page } from "../src/webviews/enrichment/draft";
import { enrichmentOf } from "./samples";

describe("an enrichment as far as it has come", () => {
  const step = (known: Partial<EnrichProgress>): EnrichProgress => ({
    requestId: "r1",
    phase: "stage2",
    message: "Writing…",
    result: null,
    line: null,
    description: null,
    ...known,
  });
  const begun = drafted(undefined, step({ result: enrichmentOf() }));

  it("is not shown before Stage 1 is there", () => {
    assert.equal(drafted(undefined, step({ phase: "stage1" })), undefined);
    assert.equal(drafted(undefined, step({ line: { place: 0, text: "A line" } })), undefined);
  });

  it("has Stage 1's result and a place for each of seven lines", () => {
    assert.deepEqual(begun, { result: enrichmentOf(), lines: Array(7).fill(null), state: "writing" });
  });

  it("takes lines into their places in whatever order they come", () => {
    const later = drafted(begun, step({ line: { place: 6, text: "Be well" } }));
    const whole = drafted(later, step({ line: { place: 0, text: "A quiet morning" } }));
    assert.deepEqual((whole as Page).lines, ["A quiet morning", null, null, null, null, null, "Be well"]);
    assert.deepEqual((begun as Page).lines, Array(7).fill(null));
  });

  it("is a picture's description as far as it is written, until Stage 1 is there", () => {
    const looking = drafted(undefined, step({ phase: "vision" }));
    assert.deepEqual(looking, { result: null, description: "", state: "writing" });
    const seeing = drafted(looking, step({ phase: "vision", description: "A red" }));
    assert.deepEqual(seeing, { result: null, description: "A red", state: "writing" });
    const seen = drafted(seeing, step({ phase: "stage1", description: "A red house." }));
    assert.deepEqual(seen, { result: null, description: "A red house.", state: "writing" });
    assert.deepEqual(drafted(seen, step({ line: { place: 0, text: "A line" } })), seen);
    assert.deepEqual(drafted(seen, step({ result: enrichmentOf() })), begun);
  });

  it("begins anew when Stage 1 is told again", () => {
    const written = drafted(begun, step({ line: { place: 3, text: "Rest a while" } }));
    assert.deepEqual(drafted(written, step({ result: enrichmentOf() })), begun);
  });
});
