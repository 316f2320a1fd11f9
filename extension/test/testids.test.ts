import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { it } from "node:test";
import { ENRICHMENT_IDS, RECIPE_IDS, REPORT_IDS, STATS_IDS } from "../src/webviews/testids";

for (const [panel, ids] of Object.entries({ stats: STATS_IDS, enrichment: ENRICHMENT_IDS, recipe: RECIPE_IDS, report: REPORT_IDS })) {
  it(`uses every test id of the ${panel} panel`, () => {
    const folder = `src/webviews/${panel}`;
    const source = readdirSync(folder)
      .filter((name) => name.endsWith(".ts"))
      .map((name) => readFileSync(`${folder}/${name}`, "utf8"))
      .join("\n");
    const unused = Object.keys(ids).filter((name) => !new RegExp(`(?:ids|_IDS)\\.${name}\\b`).test(source));
    assert.deepEqual(unused, []);
  });
}
