import "../theme.css";
import "./report.css";
import { h, prose, table } from "../dom";
import { Host } from "../host";
import { REPORT_IDS as ids } from "../testids";
import type { Fact, FromReport, Report, ToReport } from "./protocol";

const host = new Host<ToReport, FromReport>();

function show(report: Report): void {
  document.getElementById("root")?.replaceChildren(
    h(
      "article",
      { "data-testid": ids.panel },
      h("h1", { "data-testid": ids.title }, report.title),
      h("p", { class: "lead", "data-testid": ids.lead }, ...prose(report.lead)),
      h("dl", { class: "facts" }, ...report.facts.map(fact)),
      report.table === undefined
        ? null
        : h("div", { class: "scroll" }, table(report.title, report.table.head, report.table.rows)),
      h(
        "div",
        { class: "actions" },
        ...report.actions.map(({ title, command }) =>
          h("button", { "data-testid": ids.action(command), onclick: () => host.send({ type: "command", command }) }, title),
        ),
      ),
    ),
  );
}

function fact({ key, label, value, note, status }: Fact): HTMLElement {
  return h(
    "div",
    {},
    h("dt", {}, label),
    h(
      "dd",
      {},
      h(
        "div",
        { class: "shown" },
        status === undefined ? null : h("span", { class: `badge ${status}` }, status),
        h("span", { "data-testid": ids.value(key) }, ...prose(value)),
      ),
      note === undefined ? null : h("div", { class: "note quiet" }, ...prose(note)),
    ),
  );
}

host.listen(({ report }) => show(report));
