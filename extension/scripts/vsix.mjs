// Makes dist/refrain-<target>-<version>.vsix: `npm run vsix -- [--target linux-x64] [--python PATH]`.
// Gathering the sidecar's dependencies needs a Python with pip: this checkout's .venv, else $PYTHON or python3.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const venv = join(root, "..", ".venv", process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
const { values } = parseArgs({
  options: {
    target: { type: "string", default: `${process.platform}-${process.arch}` },
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
run(values.python, ["scripts/bundle_sidecar.py", "--target", values.target]);
run(process.execPath, ["scripts/build.mjs", "--production"]);
// One changelog for all of it; the editor shows the copy in the VSIX.
await copyFile(join(root, "..", "CHANGELOG.md"), join(root, "CHANGELOG.md"));
const dist = join(root, "..", "dist");
await mkdir(dist, { recursive: true });
const out = join(dist, `refrain-${values.target}-${manifest.version}.vsix`);
run(process.execPath, [
  "node_modules/@vscode/vsce/vsce",
  ...["package", "--target", values.target, "--out", out],
  ...["--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links"],
]);
