import "../theme.css";
import "./enrichment.css";
import { duration, outcomeName, percent } from "../../format";
import type { EnrichResult, StageReport } from "../../protocol";
import { figure, h } from "../dom";
import { Host } from "../host";
import { ENRICHMENT_IDS as ids } from "../testids";
import { circumplex } from "./circumplex";
import type { FromEnrichment, ToEnrichment } from "./protocol";

const host = new Host<ToEnrichment, FromEnrichment>();

function show({ result, excerpt }: ToEnrichment): void {
  const root = document.getElementById("root");
  root?.replaceChildren(
    h(
      "article",
      { "data-testid": ids.panel, "data-primary": result.wheel.primary },
      h("blockquote", { class: "quiet" }, excerpt),
      feeling(result),
      provenance(result),
      ...result.warnings.map((warning) => h("div", { class: "notice" }, warning)),
      ...written(result),
      h("h2", {}, "The six primaries"),
      h("div", { class: "reading" }, scores(result), circumplex(result.valence, result.arousal)),
      ...named(result),
      h(
        "div",
        { class: "actions" },
        h("button", { "data-testid": ids.again, title: "Ask the engine anew and replace the entry", onclick: () => host.send({ type: "again" }) }, "Enrich Afresh"),
        h("button", { "data-testid": ids.copy, onclick: () => host.send({ type: "copy" }) }, "Copy as JSON"),
      ),
    ),
  );
}

function feeling({ wheel, confidence, lowConfidence }: EnrichResult): HTMLElement {
  const step = (id: string, word: string): HTMLElement => h("span", { "data-testid": id }, word);
  const arrow = (): HTMLElement => h("span", { class: "arrow", "aria-hidden": true }, "›");
  return h(
    "h1",
    { class: "feeling" },
    step(ids.primary, wheel.primary),
    arrow(),
    step(ids.secondary, wheel.secondary),
    arrow(),
    step(ids.tertiary, wheel.tertiary),
    h(
      "span",
      { class: "confidence quiet" },
      lowConfidence ? "a guess, " : "",
      figure(ids.confidence, confidence, `${percent(confidence)} sure`),
    ),
  );
}

function provenance(result: EnrichResult): HTMLElement {
  const { name, model, offline } = result.engine;
  return h(
    "div",
    { class: "provenance" },
    ...result.stages.map(stage),
    h(
      "p",
      { class: "quiet" },
      h("span", { "data-testid": ids.engine }, `${name} · ${model}${offline ? " · offline" : ""}`),
      " · ",
      figure(ids.total, result.totalMs, duration(result.totalMs)),
      " in all",
      ...(result.savedMs > 0 ? [" · ", figure(ids.saved, result.savedMs, duration(result.savedMs)), " saved"] : []),
    ),
  );
}

function stage(report: StageReport): HTMLElement {
  const id = ids.stage(report.stage);
  return h(
    "p",
    {},
    h("span", { class: "stage" }, `Stage ${report.stage}`),
    h("span", { class: `badge ${report.outcome}`, "data-testid": id, "data-value": report.outcome, title: `Key ${report.key}` }, outcomeName(report.outcome, report.tier)),
    figure(`${id}-ms`, report.totalMs, duration(report.totalMs)),
    report.reason === null ? null : h("span", { class: "quiet" }, report.reason),
  );
}

function written({ postEnrichment }: EnrichResult): HTMLElement[] {
  if (postEnrichment === null) {
    return [];
  }
  const { poem, tips, closing, tone } = postEnrichment;
  return [
    h("div", { class: "poem", "data-testid": ids.poem }, ...poem.map((line) => h("p", {}, line))),
    h("h2", {}, "Small things that may help"),
    h("ul", { "data-testid": ids.tips }, ...tips.map((tip) => h("li", {}, tip))),
    h("p", { class: "closing", "data-testid": ids.closing, title: `Tone: ${tone}` }, closing),
  ];
}

function scores({ scores: given, wheel }: EnrichResult): HTMLElement {
  const sorted = Object.entries(given).sort(([, one], [, other]) => other - one);
  return h(
    "dl",
    { class: "scores" },
    ...sorted.map(([name, score]) => {
      const bar = h("i", { class: name === wheel.primary ? "chosen" : "" });
      bar.style.width = `${score * 100}%`;
      return h(
        "div",
        {},
        h("dt", {}, name),
        h("dd", {}, h("span", { class: "track", "aria-hidden": true }, bar), figure(ids.score(name), score, percent(score))),
      );
    }),
  );
}

function named(result: EnrichResult): HTMLElement[] {
  const rows = (
    [
      ["Invoked", ids.invoked, result.invoked],
      ["Expressed", ids.expressed, result.expressed],
      ["Events", ids.events, result.events],
    ] as const
  ).filter(([, , list]) => list.length > 0);
  if (rows.length === 0) {
    return [];
  }
  return [
    h("h2", {}, "Also in the text"),
    h(
      "dl",
      { class: "named" },
      ...rows.map(([label, id, list]) =>
        h("div", {}, h("dt", {}, label), h("dd", { "data-testid": id }, ...list.map((word) => h("span", { class: "chip" }, word)))),
      ),
    ),
  ];
}

host.listen(show);
