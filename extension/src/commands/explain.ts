import type { CommandFactory } from "../context";
import type { Node } from "../entriesTree";
import { kindName, words } from "../format";
import { EXPLAIN, type Explanation } from "../protocol";
import type { Fact, Report } from "../webviews/report/protocol";

/** Shows why the last miss was one. */
export const explain: CommandFactory = (context) => async () => {
  context.report.show(explanation("Last Miss", await context.sidecar.request(EXPLAIN, {})));
};

/** Shows whether an entry of the tree would hit now, and why. */
export const explainNode: CommandFactory = (context) => async (node: Node) => {
  if (node.type === "entry") {
    context.report.show(explanation("Entry", await context.sidecar.request(EXPLAIN, { key: node.entry.key })));
  }
};

function explanation(title: string, found: Explanation): Report {
  const facts: Fact[] = [];
  if (found.key !== null) {
    facts.push({ key: "cause", label: "Cause", value: words(found.cause) });
  }
  if (found.kind !== null) {
    facts.push({ key: "kind", label: "Kind", value: kindName(found.kind) });
  }
  if (found.key !== null) {
    facts.push({ key: "key", label: "Key", value: found.key });
  }
  if (found.nearest !== null) {
    facts.push({ key: "nearest", label: "Nearest entry", value: found.nearest });
  }
  const rows = found.differences.map((difference) => [difference.ingredient, difference.stored, difference.now]);
  return {
    title,
    lead: found.summary,
    facts,
    ...(rows.length === 0 ? {} : { table: { head: ["What differs", "Stored", "Now"], rows } }),
    actions: [
      { title: "Show Cache Stats", command: "refrain.showStats" },
      { title: "Open Configuration", command: "refrain.openConfig" },
    ],
  };
}
