import assert from "node:assert/strict";
import { it } from "node:test";
import { cpuReport } from "../src/cpuReport";
import type { CpuThreadsResult, KeptCalibration } from "../src/protocol";
import type { Fact } from "../src/webviews/report/protocol";

const CPU: CpuThreadsResult = {
  cpuModel: "A chip",
  logical: 16,
  physical: 8,
  performanceCores: 8,
  efficiencyCores: 0,
  affinity: 16,
  containerCpus: null,
  loadPercent: 12.4,
  configured: null,
  advised: 8,
  inForce: 8,
  reason: "One thread for each of 8 usable performance cores.",
  calibration: null,
};
const KEPT: KeptCalibration = { threads: 6, engine: "embedded", model: "small", measuredAt: 1_762_000_000, doubt: null };

function fact(key: string, changes: Partial<CpuThreadsResult>): Fact {
  const found = cpuReport({ ...CPU, ...changes }).facts.find((one) => one.key === key);
  assert.ok(found, key);
  return found;
}

it("shows what was measured, and with what", () => {
  const { value, status, note } = fact("measured", { calibration: KEPT });
  assert.equal(value, "6 threads");
  assert.equal(status, undefined);
  assert.match(note ?? "", /^embedded · small, /);
});

it("warns of a calibration that does not count, and says why", () => {
  const { status, note } = fact("measured", { calibration: { ...KEPT, doubt: "It was measured elsewhere." } });
  assert.equal(status, "warn");
  assert.match(note ?? "", /Not gone by: It was measured elsewhere\.$/);
});

it("says when nothing was measured yet, and offers to", () => {
  assert.equal(fact("measured", {}).value, "not calibrated yet");
  assert.ok(cpuReport(CPU).actions.some(({ command }) => command === "refrain.calibrate"));
});

it("warns when another number than the advised one is in force", () => {
  assert.equal(fact("in-force", {}).status, "ok");
  const { status, note } = fact("in-force", { configured: 16, inForce: 16 });
  assert.equal(status, "warn");
  assert.match(note ?? "", /`8`/);
});

it("names the container's limit and rounds the load", () => {
  assert.equal(fact("container-cpus", { containerCpus: 2.5 }).value, "2.5 CPUs");
  assert.equal(fact("container-cpus", {}).value, "none");
  assert.equal(fact("load", {}).value, "12%");
});
