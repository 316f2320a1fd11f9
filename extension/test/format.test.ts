import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ago, count, counted, duration, kindName, outcomeName, percent, size } from "../src/format";

describe("duration", () => {
  const cases: [number | null, string][] = [
    [null, "–"],
    [0, "0 ms"],
    [0.0004, "1 µs"],
    [0.042, "42 µs"],
    [0.0994, "99 µs"],
    [0.0996, "0.10 ms"],
    [0.4, "0.40 ms"],
    [0.996, "1.0 ms"],
    [9.94, "9.9 ms"],
    [9.96, "10 ms"],
    [999.4, "999 ms"],
    [999.6, "1.0 s"],
    [9960, "10 s"],
    [59_400, "59 s"],
    [59_600, "1 min"],
    [200_000, "3 min 20 s"],
    [3_600_000, "1 h"],
    [7_500_000, "2 h 5 min"],
    [7_199_000, "2 h"],
    [180_000_000, "2 d 2 h"],
  ];
  for (const [ms, shown] of cases) {
    it(`shows ${ms} ms as ${shown}`, () => assert.equal(duration(ms), shown));
  }
});

describe("percent", () => {
  const cases: [number | null, string][] = [
    [null, "–"],
    [0, "0%"],
    [0.001, "<1%"],
    [2 / 3, "67%"],
    [0.994, "99%"],
    [0.999, ">99%"],
    [1, "100%"],
  ];
  for (const [rate, shown] of cases) {
    it(`shows ${rate} as ${shown}`, () => assert.equal(percent(rate), shown));
  }
});

describe("size", () => {
  const cases: [number, string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 KiB"],
    [10_240, "10 KiB"],
    [1_048_576, "1.0 MiB"],
    [536_870_912, "512 MiB"],
  ];
  for (const [bytes, shown] of cases) {
    it(`shows ${bytes} bytes as ${shown}`, () => assert.equal(size(bytes), shown));
  }
});

it("counts with separators and the right noun", () => {
  assert.equal(count(1234567), "1,234,567");
  assert.equal(counted(1, "entry", "entries"), "1 entry");
  assert.equal(counted(0, "entry", "entries"), "0 entries");
});

it("says how long ago something was", () => {
  assert.equal(ago(1000, 1030), "just now");
  assert.equal(ago(1000, 1000 + 300), "5 min ago");
  assert.equal(ago(1000, 1000 + 7200), "2 h ago");
  assert.equal(ago(1000, 1000 + 3 * 86_400), "3 d ago");
});

it("names the tier of a hit and of nothing else", () => {
  assert.equal(outcomeName("hit", "memory"), "HIT (memory)");
  assert.equal(outcomeName("coalesced", null), "COALESCED");
  assert.equal(outcomeName("miss", null), "MISS");
});

it("keeps the name of a kind it does not know", () => {
  assert.equal(kindName("stage1_enrichment"), "Stage 1");
  assert.equal(kindName("weather"), "weather");
  assert.equal(kindName("v1_chat_completions"), "/v1/chat/completions");
  assert.equal(kindName("api"), "API");
});
