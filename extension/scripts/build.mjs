// Bundles the extension and its webviews into out/. `--watch` rebuilds on every change; `--production` minifies.
import { cp, mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { context } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const production = process.argv.includes("--production");
const watch = process.argv.includes("--watch");

const shared = {
  absWorkingDir: root,
  bundle: true,
  logLevel: "warning",
  minify: production,
  sourcemap: production ? false : "linked",
  legalComments: "none",
};

const builds = [
  {
    ...shared,
    entryPoints: ["src/extension.ts"],
    outfile: "out/extension.js",
    platform: "node",
    format: "cjs",
    target: "node20",
    external: ["vscode"],
    // The CommonJS builds of the language client's dependencies; their ES modules do not bundle.
    mainFields: ["main", "module"],
  },
  {
    ...shared,
    entryPoints: ["stats", "enrichment", "recipe", "report"].map((name) => ({
      in: `src/webviews/${name}/main.ts`,
      out: name,
    })),
    outdir: "out/webviews",
    platform: "browser",
    format: "iife",
    target: "es2022",
  },
];

await rm(new URL("../out", import.meta.url), { recursive: true, force: true });
await mkdir(new URL("../bundled/config", import.meta.url), { recursive: true });
for (const name of ["perf_config.json", "perf_config.schema.json"]) {
  await cp(new URL(`../../config/${name}`, import.meta.url), new URL(`../bundled/config/${name}`, import.meta.url));
}

for (const options of builds) {
  const build = await context(options);
  if (watch) {
    await build.watch();
  } else {
    await build.rebuild();
    await build.dispose();
  }
}
