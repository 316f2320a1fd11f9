import assert from "node:assert/strict";
import { it } from "node:test";
import { per, series } from "../src/webviews/stats/series";
import { position } from "../src/webviews/stats/latency";

const NOON = 1_700_049_600; // a whole hour
const point = (at: number, hits: number, misses: number) => ({ at, hits, misses, savedMs: 0 });
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

it("puts zeros into the minutes without lookups", () => {
  const slices = series([point(NOON, 1, 2), point(NOON + 180, 3, 0)], NOON + 180);
  assert.equal(slices.minutes, 1);
  assert.deepEqual(slices.hits.slice(-4), [1, 0, 0, 3]);
  assert.deepEqual(slices.misses.slice(-4), [2, 0, 0, 0]);
  assert.equal(slices.at.at(-1), NOON + 180);
});

it("shows the quarter of an hour around a single minute", () => {
  const slices = series([point(NOON, 1, 0)], NOON + 30);
  assert.equal(slices.at.length, 15);
  assert.equal(slices.hits.at(-1), 1);
});

it("shows an empty quarter of an hour when there was no lookup", () => {
  const slices = series([], NOON + 30);
  assert.equal(slices.at.length, 15);
  assert.equal(sum(slices.hits) + sum(slices.misses), 0);
});

it("merges a long time into few slices and loses no lookup", () => {
  const points = Array.from({ length: 1440 }, (_, minute) => point(NOON + minute * 60, minute % 3, 1));
  const slices = series(points, NOON + 86_340);
  assert.equal(slices.minutes, 30);
  assert.ok(slices.at.length <= 90);
  assert.equal(sum(slices.hits), sum(points.map(({ hits }) => hits)));
  assert.equal(sum(slices.misses), 1440);
});

it("bears years and a clock that went back", () => {
  const years = series([point(NOON - 3 * 365 * 86_400, 1, 1), point(NOON + 600, 1, 0)], NOON);
  assert.ok(years.at.length <= 90);
  assert.equal(sum(years.hits), 2);
  assert.equal(years.minutes % 1440, 0);
});

it("says how long a slice is", () => {
  assert.deepEqual([1, 5, 60, 120, 1440].map(per), ["per minute", "per 5 minutes", "per hour", "per 2 hours", "per day"]);
});

it("places latencies on a logarithmic axis and keeps them on it", () => {
  assert.equal(position(0), 0);
  assert.equal(position(0.001), 0);
  assert.equal(position(10), 0.5);
  assert.equal(position(1e9), 1);
});
