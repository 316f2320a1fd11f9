// Makes dist/refrain-<target>-<version>.vsix: `npm run vsix -- [--target linux-x64] [--python PATH]`.
// `--target all` makes one for every platform. Gathering the sidecar's dependencies needs a Python with
// pip: this checkout's .venv, else $PYTHON or python3.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const here = `${process.platform}-${process.arch}`;
const venv = join(root, "..", ".venv", process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
const { values } = parseArgs({
  options: {
    target: { type: "string", default: here },
    python: { type: "string", default: existsSync(venv) ? venv : (process.env.PYTHON ?? "python3") },
  },
});

const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
const project = await readFile(join(root, "..", "pyproject.toml"), "utf8");
const version = /^version = "([^"]+)"/m.exec(project)?.[1];
if (version !== manifest.version) {
  throw new Error(`package.json says version ${manifest.version}, pyproject.toml ${version}: make them equal.`);
}

const run = (command, args) => execFileSync(command, args, { cwd: root, stdio: "inherit" });
const bundle = (...args) => execFileSync(values.python, ["scripts/bundle_sidecar.py", ...args], { cwd: root, encoding: "utf8" });

run(process.execPath, ["scripts/build.mjs", "--production"]);
// One changelog for all of it; the editor shows the copy in the VSIX.
await copyFile(join(root, "..", "CHANGELOG.md"), join(root, "CHANGELOG.md"));
const dist = join(root, "..", "dist");
await mkdir(dist, { recursive: true });
const all = bundle("--list").trim().split("\n");
// This platform's last: what is bundled then serves this checkout, too.
const targets = values.target === "all" ? [...all.filter((one) => one !== here), here] : [values.target];
for (const target of targets) {
  process.stdout.write(bundle("--target", target));
  pack(target, join(dist, `refrain-${target}-${version}.vsix`));
}

/** What vsce lists is of no use here; what it warns of is an error. */
function pack(target, out) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      "node_modules/@vscode/vsce/vsce",
      ...["package", "--target", target, "--out", out],
      ...["--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links"],
    ],
    { cwd: root, encoding: "utf8" },
  );
  if (status !== 0 || /warning/i.test(stderr)) {
    throw new Error(`vsce ended with status ${status}, or warned:\n${stderr}${stdout}`);
  }
  console.log(/Packaged: .*/.exec(stdout)?.[0] ?? stdout);
}
