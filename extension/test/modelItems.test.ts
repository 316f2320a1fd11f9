import assert from "node:assert/strict";
import { it } from "node:test";
import { modelItems } from "../src/modelItems";
import type { ModelOffer } from "../src/protocol";

const QWEN: ModelOffer = {
  engine: "ollama",
  name: "qwen3:4b",
  digest: "d",
  bytes: 2_621_440_000,
  loaded: true,
  installed: true,
  inUse: true,
};
const OWN: ModelOffer = { ...QWEN, engine: "embedded", name: "smollm2:135m", bytes: 98_362_432, loaded: false, inUse: false };

it("offers Automatic first, then each model with its engine and size, and marks the one in use", () => {
  const [automatic, qwen, own] = modelItems({ models: [QWEN, OWN], chosen: "auto", problem: null, written: null });
  assert.match(automatic?.description ?? "", /chosen$/);
  assert.equal(automatic?.use, "auto");
  assert.equal(automatic?.detail, undefined);
  assert.equal(qwen?.label, "$(check) qwen3:4b");
  assert.equal(qwen?.description, "Ollama · 2.4 GiB · loaded · in use");
  assert.equal(qwen?.use, "qwen3:4b");
  assert.equal(own?.label, "$(blank) smollm2:135m");
  assert.equal(own?.use, "embedded");
});

it("says why Ollama has none, and has an embedded model that is missing fetched", () => {
  const missing = { ...OWN, installed: false };
  const [automatic, own] = modelItems({ models: [missing], chosen: "qwen3:4b", problem: "It does not answer.", written: null });
  assert.doesNotMatch(automatic?.description ?? "", /chosen/);
  assert.equal(automatic?.detail, "It does not answer.");
  assert.match(own?.description ?? "", /not fetched yet/);
  assert.equal(own?.use, null);
});
