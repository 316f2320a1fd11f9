// Bundles test/*.test.ts into a temporary folder and runs them with node:test.
import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = await mkdtemp(join(tmpdir(), "refrain-ts-tests-"));
const tests = (await readdir(join(root, "test"))).filter((name) => name.endsWith(".test.ts"));

await build({
  absWorkingDir: root,
  entryPoints: tests.map((name) => `test/${name}`),
  outdir: out,
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  sourcemap: "inline",
  logLevel: "warning",
});

const runner = spawn(
  process.execPath,
  ["--enable-source-maps", "--test", "--test-reporter=spec", ...tests.map((name) => join(out, name.replace(/\.ts$/, ".js")))],
  { stdio: "inherit", cwd: root },
);
const code = await new Promise((resolve) => runner.on("exit", resolve));
await rm(out, { recursive: true, force: true });
process.exitCode = code ?? 1;
