import assert from "node:assert/strict";
import { delimiter, join } from "node:path";
import { it } from "node:test";
import { configured, searched } from "../src/configFile";
import { cliLaunch, packageFolders, sidecarLaunch } from "../src/launch";
import { logLine } from "../src/logLine";
import { OFFERED, taskArguments } from "../src/taskArguments";
import manifest from "../package.json";

const python = { executable: "/usr/bin/python3", version: "3.12.1", source: "PATH" };

it("runs the sidecar with the bundled packages before the user's", () => {
  const libs = packageFolders("/ext", true);
  const launch = sidecarLaunch(python, libs, "/mine");
  assert.deepEqual([launch.command, ...launch.args], ["/usr/bin/python3", "-m", "refrain_sidecar"]);
  assert.equal(launch.env["PYTHONPATH"], [join("/ext", "bundled", "libs"), "/mine"].join(delimiter));
});

it("keeps a workspace's own modules from being imported", () => {
  assert.equal(sidecarLaunch(python, [], undefined).env["PYTHONSAFEPATH"], "1");
  assert.equal(cliLaunch(python, [], ["stats"], null, undefined).env["PYTHONSAFEPATH"], "1");
});

it("uses the repository's packages where there is no bundle", () => {
  assert.deepEqual(packageFolders(join("/repo", "extension"), false), [join("/repo", "cache"), join("/repo", "sidecar")]);
});

it("gives the command line the sidecar's configuration", () => {
  const launch = cliLaunch(python, [], ["stats"], "/w/perf.json", undefined);
  assert.deepEqual(launch.args, ["-m", "refrain_sidecar.cli", "stats"]);
  assert.equal(launch.env["REFRAIN_CONFIG"], "/w/perf.json");
  assert.equal("REFRAIN_CONFIG" in cliLaunch(python, [], [], null, undefined).env, false);
});

it("turns each offered task into a command, and knows each task of the manifest", () => {
  const known = manifest.contributes.taskDefinitions[0]?.properties.task.enum ?? [];
  assert.deepEqual(OFFERED.map(([, { task }]) => task), known);
  assert.ok(known.every((task) => taskArguments({ task }) !== undefined));
  assert.deepEqual(taskArguments({ task: "purgeExpired" }), ["purge", "--expired"]);
  assert.equal(taskArguments({ task: "dance" }), undefined);
});

it("writes the worker's answers beside its input unless told", () => {
  assert.deepEqual(taskArguments({ task: "worker", file: "/d.x/in.jsonl" }), ["worker", "/d.x/in.jsonl", "-o", "/d.x/in.enriched.jsonl"]);
  assert.deepEqual(taskArguments({ task: "worker", file: "a", output: "b" }), ["worker", "a", "-o", "b"]);
  assert.match(taskArguments({ task: "worker" })?.at(-1) ?? "", /^\$\{fileDirname\}/);
});

it("reads the level of a log record and keeps other lines whole", () => {
  const line = "2026-11-02 08:30:00,123 WARNING [PERF] Cache bypassed: disk full";
  assert.deepEqual(logLine(line), { level: "warn", text: "[PERF] Cache bypassed: disk full" });
  assert.deepEqual(logLine("ModuleNotFoundError: No module named 'attrs'"), {
    level: "info",
    text: "ModuleNotFoundError: No module named 'attrs'",
  });
});

it("looks for the configuration in the folder and in each one above", () => {
  assert.deepEqual(searched("/a/b").slice(0, 2), [join("/a/b", "config", "perf_config.json"), join("/a", "config", "perf_config.json")]);
  assert.equal(configured(" ", "/w"), null);
  assert.equal(configured("c.json", "/w"), join("/w", "c.json"));
  assert.equal(configured("/x/c.json", "/w"), "/x/c.json");
});
