import assert from "node:assert/strict";
import { it } from "node:test";
import { escaped, statusText } from "../src/statusText";
import { enrichmentOf, kindOf, proxyOf, statsOf } from "./samples";

it("shows a dash before the first lookup", () => {
  const face = statusText("running", statsOf({ lookups: 0, hitRate: null, kinds: [] }), false, "");
  assert.equal(face.text, "$(history) –");
  assert.equal(face.warning, false);
  assert.match(face.tooltip, /no lookup in this session yet/);
});

it("shows the hit rate, and a table row for each kind that was looked up", () => {
  const idle = kindOf({ kind: "api", hits: 0, misses: 0, hitRate: null, hitMs: null, missMs: null });
  const face = statusText("running", statsOf({ kinds: [kindOf(), idle] }), false, "");
  assert.equal(face.text, "$(history) 67%");
  assert.match(face.tooltip, /\| Stage 1 \| 2 \| 1 \| 67% \| 40 µs \| 50 µs \| 50 µs \|/);
  assert.doesNotMatch(face.tooltip, /API/);
  assert.match(face.tooltip, /Time saved 799 ms · 2 entries/);
  assert.match(face.tooltip, /Engine: embedded · `smollm2:135m` · \[Choose Model…\]\(command:refrain\.chooseModel\)/);
});

it("spins while an enrichment runs and while the sidecar starts", () => {
  assert.equal(statusText("running", statsOf(), true, "").text, "$(loading~spin) 67%");
  assert.equal(statusText("starting", undefined, false, "").text, "$(loading~spin) –");
});

it("warns of a bypass and says its reason", () => {
  const state = { mode: "bypass", reason: "the disk is full", path: null, shared: null } as const;
  const face = statusText("running", statsOf({ state }), false, "");
  assert.equal(face.warning, true);
  assert.equal(face.text, "$(warning) 67%");
  assert.match(face.tooltip, /Cache bypassed\*\*: the disk is full/);
});

it("does not warn of a cache that is off by choice", () => {
  const face = statusText("running", statsOf({ state: { mode: "off", reason: null, path: null, shared: null } }), false, "");
  assert.equal(face.warning, false);
  assert.match(face.tooltip, /Cache off/);
});

it("says why the shared tier is left out, without alarm: answers are found and computed as ever", () => {
  const shared = { url: "redis://cache.lan:6379/0", reason: "it did not answer within 50 ms" };
  const state = { mode: "on", reason: null, path: null, shared } as const;
  const face = statusText("running", statsOf({ state }), false, "");
  assert.equal(face.warning, false);
  assert.match(face.tooltip, /Shared tier left out\*\*: it did not answer within 50 ms/);
});

it("warns when no engine was found, not while none has been looked for", () => {
  assert.equal(statusText("running", statsOf({ engine: null, engineMessage: null }), false, "").warning, false);
  const face = statusText("running", statsOf({ engine: null, engineMessage: "Ollama does not answer." }), false, "");
  assert.equal(face.warning, true);
  assert.match(face.tooltip, /No engine\*\*: Ollama does not answer\\\./);
});

it("warns while the engine is away, and says why beside the hit rate", () => {
  const engine = { ...enrichmentOf().engine, offline: true };
  const face = statusText("running", statsOf({ engine, engineMessage: "Ollama does not answer." }), false, "");
  assert.equal(face.text, "$(warning) 67% · engine offline");
  assert.equal(face.warning, true);
  assert.match(face.spoken, /engine offline/);
  assert.match(face.tooltip, /Engine offline\*\*, stored answers are given: Ollama does not answer\\\./);
});

it("shows quietly that the proxy runs, and in the tooltip where and what it is worth", () => {
  const face = statusText("running", statsOf(), false, "", proxyOf());
  assert.equal(face.text, "$(history) 67% $(radio-tower)");
  assert.equal(face.warning, false);
  assert.equal(face.spoken, "Refrain: hit rate 67%, serving at http://127.0.0.1:11435");
  assert.match(face.tooltip, /Serving\*\* at \[http:\/\/127\\\.0\\\.0\\\.1:11435\]\(http:\/\/127\.0\.0\.1:11435\/refrain\)/);
  assert.match(face.tooltip, /12 hits, 3 misses, 1 passed, 3\.4 s saved/);
  assert.match(statusText("running", statsOf(), false, "", proxyOf({ shared: true })).tooltip, /from another process/);
});

it("warns while the proxy's upstream is away, and of a proxy that does not run although it should", () => {
  const away = statusText("running", statsOf(), false, "", proxyOf({ reachable: false }));
  assert.equal(away.text, "$(warning) 67% $(radio-tower)");
  assert.equal(away.warning, true);
  assert.match(away.tooltip, /Upstream away\*\* \(Ollama at http:/);

  const stopped = { running: false, url: null, upstream: null, engine: null, reachable: false };
  const failed = statusText("running", statsOf(), false, "", proxyOf({ ...stopped, error: "Port 11435 is taken" }));
  assert.equal(failed.text, "$(warning) 67%");
  assert.equal(failed.warning, true);
  assert.match(failed.tooltip, /The proxy does not run\*\*: Port 11435 is taken/);

  const idle = statusText("running", statsOf(), false, "", proxyOf(stopped));
  assert.deepEqual(idle, statusText("running", statsOf(), false, ""));
});

it("says why the sidecar is stopped", () => {
  const face = statusText("stopped", statsOf(), false, "No Python was found");
  assert.equal(face.text, "$(warning) Refrain");
  assert.equal(face.warning, true);
  assert.match(face.tooltip, /No Python was found/);
});

it("shows text from elsewhere literally, on one line", () => {
  assert.equal(escaped("a|b\n[c](d) $(x)"), "a\\|b \\[c\\]\\(d\\) \\$\\(x\\)");
});
