import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RecipeInfo, RunResult } from "../src/protocol";
import { recipeItems } from "../src/recipeItems";
import { fault, takesText, worth } from "../src/recipeWords";
import { begun, ended, failed, stopped, written } from "../src/webviews/recipe/answer";
import { enrichmentOf } from "./samples";

const NOW = 1_700_000_000;
const RECIPE: RecipeInfo = {
  name: "title",
  path: "/w/.refrain/recipes/title.recipe.md",
  origin: "workspace",
  description: "A title for a text",
  argumentHint: "",
  model: null,
  json: false,
  variables: ["text"],
  inputs: [],
  problems: [],
  entries: 0,
  hits: 0,
  lastUsedAt: null,
};
const RESULT: RunResult = {
  recipe: "title",
  output: "The harbour",
  engine: enrichmentOf().engine,
  kind: "recipe",
  outcome: "miss",
  tier: null,
  key: "k",
  lookupMs: 0.1,
  totalMs: 900,
  savedMs: 0,
  reason: "never seen",
};

describe("a recipe in words", () => {
  it("was worth the share of its answers that were played back", () => {
    assert.equal(worth(RECIPE, NOW), "nothing stored");
    assert.equal(worth({ ...RECIPE, entries: 1, lastUsedAt: NOW }, NOW), "0% hits, just now");
    assert.equal(worth({ ...RECIPE, entries: 1, hits: 3, lastUsedAt: NOW - 300 }, NOW), "75% hits, 5 min ago");
  });

  it("runs on a text where its prompt has one", () => {
    assert.equal(takesText(RECIPE), true);
    assert.equal(takesText({ ...RECIPE, variables: ["selection", "file"] }), true);
    assert.equal(takesText({ ...RECIPE, variables: ["file", "input"] }), false);
  });

  it("says the first thing wrong with it", () => {
    const problems = [
      { line: 3, key: "options.seed", message: "expected a whole number, got 1.5" },
      { line: 9, key: "", message: "unknown variable" },
    ];
    assert.equal(fault(RECIPE), undefined);
    assert.equal(fault({ ...RECIPE, problems }), "line 3: options.seed: expected a whole number, got 1.5");
    assert.equal(fault({ ...RECIPE, problems: problems.slice(1) }), "line 9: unknown variable");
  });

  it("is offered with what it does, where it is from and what it asks for", () => {
    const asking: RecipeInfo = {
      ...RECIPE,
      name: "translate",
      origin: "shipped",
      model: "qwen3:4b",
      inputs: [{ name: "language", hint: "such as French" }],
    };
    const [title, translate] = recipeItems([RECIPE, asking], NOW);
    assert.deepEqual(title, {
      label: "$(root-folder) title",
      description: "A title for a text",
      detail: "this workspace · nothing stored",
      recipe: RECIPE,
    });
    assert.equal(translate?.label, "$(package) translate");
    assert.equal(translate?.detail, "comes with Refrain · qwen3:4b · asks for language · nothing stored");
  });

  it("is marked where it is broken", () => {
    const [item] = recipeItems([{ ...RECIPE, problems: [{ line: 2, key: "", message: "not valid YAML" }] }], NOW);
    assert.equal(item?.label, "$(error) title");
    assert.equal(item?.detail, "line 2: not valid YAML");
  });
});

describe("a recipe's answer", () => {
  const empty = begun("title", "A text", true, true);

  it("grows piece by piece, without the empty lines a model begins with", () => {
    const pieces = ["\n", " ", "The", " harbour\n", "\n"];
    assert.equal(pieces.reduce(written, empty).text, "The harbour\n\n");
    assert.equal(empty.text, "");
  });

  it("is in the end what was stored, whatever was heard of it", () => {
    const whole = ended(written(empty, "The har"), RESULT);
    assert.deepEqual([whole.text, whole.state, whole.result], ["The harbour", "whole", RESULT]);
    const json = ended(empty, { ...RESULT, output: { title: "The harbour" } });
    assert.equal(json.text, '{\n  "title": "The harbour"\n}');
  });

  it("keeps what was written when it is cancelled or fails", () => {
    const part = written(empty, "The har");
    assert.deepEqual([stopped(part).text, stopped(part).state], ["The har", "cancelled"]);
    const problem = { message: "No engine.", remedies: [] };
    assert.deepEqual(failed(part, problem), { ...part, state: "failed", problem });
  });
});
