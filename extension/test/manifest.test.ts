import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { it } from "node:test";
import manifest from "../package.json";
import { SERVER_COMMAND_PREFIX } from "../src/protocol";

const registered = [...readFileSync("src/commands/index.ts", "utf8").matchAll(/^ {2}"(refrain\.[\w.]+)":/gm)].map(
  ([, id]) => id,
);
const contributed = manifest.contributes.commands.map(({ command }) => command);

it("contributes exactly the commands that are registered", () => {
  assert.deepEqual([...contributed].sort(), [...registered].sort());
});

it("puts every command into one category, and none where the server's own commands are", () => {
  for (const { command, category } of manifest.contributes.commands) {
    assert.equal(category, "Refrain");
    assert.equal(command.startsWith(SERVER_COMMAND_PREFIX), false);
  }
});

it("refers in its menus to commands there are", () => {
  for (const items of Object.values(manifest.contributes.menus)) {
    for (const { command } of items) {
      assert.ok(contributed.includes(command), command);
    }
  }
});

it("refers in its walkthrough and its welcome to commands there are, and to pictures that are packed", () => {
  const { walkthroughs, viewsWelcome } = manifest.contributes;
  const steps = walkthroughs.flatMap((walkthrough) => walkthrough.steps);
  const texts = [...steps.map(({ description }) => description), ...viewsWelcome.map(({ contents }) => contents)];
  const named = texts.flatMap((text) => [...text.matchAll(/\(command:(refrain\.\w+)/g)]).map(([, id]) => id);
  assert.ok(named.length >= steps.length);
  assert.deepEqual(named.filter((id) => id === undefined || !contributed.includes(id)), []);
  const pictures = steps.flatMap(({ media }) => ("svg" in media ? [media.svg] : Object.values(media.image ?? {})));
  assert.deepEqual(pictures.filter((path) => !existsSync(path)), []);
});

it("leaves one button to the welcome of a view", () => {
  for (const { contents } of manifest.contributes.viewsWelcome) {
    assert.equal(contents.match(/^\[.*\]\(command:/gm)?.length, 1, contents);
  }
});

it("locks its dependencies without naming where they come from", () => {
  assert.doesNotMatch(readFileSync("package-lock.json", "utf8"), /"resolved"/);
});
