import assert from "node:assert/strict";
import { it } from "node:test";
import { paragraphAt, paragraphs } from "../src/paragraph";
import { reflections } from "../src/reflections";
import { resultLine } from "../src/resultLine";
import { excerpt } from "../src/webviews/enrichment/excerpt";
import { enrichmentOf, stageOf } from "./samples";

it("finds the paragraph around a line", () => {
  const lines = ["", "one", "two", "  ", "three"];
  assert.deepEqual(paragraphAt(lines, 2), { first: 1, last: 2 });
  assert.deepEqual(paragraphAt(lines, 4), { first: 4, last: 4 });
  assert.equal(paragraphAt(lines, 3), undefined);
  assert.equal(paragraphAt([], 0), undefined);
});

it("parts a text into paragraphs", () => {
  assert.deepEqual(paragraphs("one\ntwo\n\n \nthree\r\n\r\nfour\n"), ["one\ntwo", "three", "four"]);
  assert.deepEqual(paragraphs("  \n \n"), []);
});

it("reads a file of reflections, and only such a file", () => {
  assert.deepEqual(reflections('{"rid":"1","normalized_text":"a"}\n\n{"rid":"2","normalized_text":"b"}\n'), ["a", "b"]);
  assert.equal(reflections("I feel well."), undefined);
  assert.equal(reflections('{"normalized_text":"a"}\n{"text":"b"}'), undefined);
  assert.equal(reflections("null"), undefined);
  assert.equal(reflections(""), undefined);
});

it("says an enrichment in one line, by its costliest stage", () => {
  assert.equal(resultLine(enrichmentOf()), "happy › grateful › thankful · HIT (memory) · 0.40 ms");
  const stages = [stageOf({ tier: "disk" }), stageOf({ stage: 2, outcome: "miss", tier: null })];
  assert.match(resultLine(enrichmentOf({ stages, totalMs: 812 })), /· MISS · 812 ms$/);
  const engine = { ...enrichmentOf().engine, offline: true };
  assert.match(resultLine(enrichmentOf({ engine })), /· HIT \(memory\) · engine offline · 0\.40 ms$/);
});

it("cuts an excerpt at a word", () => {
  assert.equal(excerpt(" a\n  b "), "a b");
  const long = excerpt("word ".repeat(100));
  assert.ok(long.length <= 241);
  assert.match(long, /word…$/);
  assert.equal(excerpt("x".repeat(300)).length, 241);
});
