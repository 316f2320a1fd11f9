import type { CommandFactory } from "../context";
import type { Node } from "../entriesTree";
import { kindName, words } from "../format";
import { EXPLAIN, type Explanation } from "../protocol";
import type { Report } from "../webviews/report/protocol";

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
  const facts: [key: string, label: string, value: string | null][] = [
    ["cause", "Cause", found.key === null ? null : words(found.cause)],
    ["kind", "Kind", found.kind === null ? null : kindName(found.kind)],
    ["key", "Key", found.key],
    ["nearest", "Nearest entry", found.nearest],
  ];
  const rows = found.differences.map((difference) => [difference.ingredient, difference.stored, difference.now]);
  return {
    title,
    lead: found.summary,
    facts: facts.flatMap(([key, label, value]) => (value === null ? [] : [{ key, label, value }])),
    ...(rows.length === 0 ? {} : { table: { head: ["What differs", "Stored", "Now"], rows } }),
    actions: [
      { title: "Show Cache Stats", command: "refrain.showStats" },
      { title: "Open Configuration", command: "refrain.openConfig" },
    ],
  };
}
