import assert from "node:assert/strict";
import { chmod, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { candidates, judge, noneFits } from "../src/python/candidate";
import { probe } from "../src/python/probe";

const one = { command: "python3", args: [], source: "PATH" };

describe("where Python is looked for", () => {
  it("is the setting, then the Python extension's choice, then the PATH", () => {
    const sources = candidates("/a/python", "/venv/bin/python", "linux").map(({ command, source }) => [command, source]);
    assert.deepEqual(sources, [
      ["/a/python", "setting refrain.pythonPath"],
      ["/venv/bin/python", "Python extension"],
      ["python3", "PATH"],
      ["python", "PATH"],
    ]);
  });

  it("passes over an empty setting and adds the launcher on Windows", () => {
    const commands = candidates("  ", undefined, "win32").map(({ command, args }) => [command, ...args].join(" "));
    assert.deepEqual(commands, ["python", "python3", "py -3"]);
  });
});

describe("what a candidate answers", () => {
  it("is an interpreter from 3.11 on", () => {
    const found = judge(one, '[[3, 11, 0], "/usr/bin/python3.11"]\n');
    assert.deepEqual(found, { executable: "/usr/bin/python3.11", version: "3.11.0", source: "PATH" });
    assert.equal(typeof judge(one, '[[4, 0, 0], "/p"]'), "object");
  });

  it("is refused below that, with its version", () => {
    assert.equal(judge(one, '[[3, 9, 18], "/p"]'), "it is Python 3.9.18; 3.11 or newer is needed");
  });

  it("is refused when it is no Python at all", () => {
    assert.match(judge(one, "hello") as string, /did not answer like Python \(“hello”\)/);
    assert.match(judge(one, "") as string, /nothing was printed/);
    assert.match(judge(one, "{}") as string, /did not answer like Python/);
  });
});

it("names every candidate and why it failed", () => {
  const message = noneFits([
    { candidate: one, reason: "not found" },
    { candidate: { command: "py", args: ["-3"], source: "PATH" }, reason: "it is Python 3.8.1; 3.11 or newer is needed" },
  ]);
  assert.match(message, /python3 \(PATH\): not found; py -3 \(PATH\): it is Python 3\.8\.1/);
});

describe("asking a real process", () => {
  it("finds what is not there", async () => {
    assert.equal(await probe({ command: "/nowhere/python", args: [], source: "PATH" }), "not found");
  });

  it("repeats what a failing candidate says", { skip: process.platform === "win32" }, async () => {
    const script = join(await mkdtemp(join(tmpdir(), "refrain-")), "python");
    await writeFile(script, "#!/bin/sh\necho 'broken shim' >&2\nexit 3\n");
    await chmod(script, 0o755);
    assert.equal(await probe({ command: script, args: [], source: "PATH" }), "broken shim");
  });

  it("reads the version of the Python on this machine", async () => {
    const command = process.platform === "win32" ? "python" : "python3";
    const found = await probe({ command, args: [], source: "PATH" });
    assert.ok(typeof found === "object" || /newer is needed/.test(found), JSON.stringify(found));
  });
});
