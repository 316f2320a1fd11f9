import "../theme.css";
import "./enrichment.css";
import { duration, outcomeName, percent } from "../../format";
import type { EnrichResult, StageReport } from "../../protocol";
import { figure, h } from "../dom";
import { Host } from "../host";
import { patch } from "../patch";
import { ENRICHMENT_IDS as ids } from "../testids";
import { circumplex } from "./circumplex";
import { type Glance, PAGE, type Unfinished } from "./draft";
import type { FromEnrichment, Shown, ToEnrichment } from "./protocol";

const host = new Host<ToEnrichment, FromEnrichment>();

/** What is shown once the feeling is named. */
type Named = Exclude<Shown, Glance>;

function show({ shown, excerpt }: ToEnrichment): void {
  const page = h(
    "article",
    { "data-testid": ids.panel, "data-primary": shown.result?.wheel.primary, "data-state": shown.state },
    h("blockquote", { class: "quiet" }, excerpt),
    ...(shown.result === null ? looking(shown) : enriched(shown)),
  );
  const root = document.getElementById("root");
  if (root?.firstChild) {
    patch(root.firstChild, page);
  } else {
    root?.append(page);
  }
}

function looking({ description, state }: Glance): HTMLElement[] {
  return [seen(description), h("div", { class: "provenance" }, unfinished(0, state))];
}

function seen(description: string): HTMLElement {
  return h("p", { class: "seen", "data-testid": ids.description, "aria-live": "polite" }, description);
}

function enriched(shown: Named): HTMLElement[] {
  const { result, state } = shown;
  const writing = state === "writing";
  return [
    result.description === null ? null : seen(result.description),
    feeling(result),
    provenance(shown),
    h("div", {}, ...result.warnings.map((warning) => h("div", { class: "notice" }, warning))),
    written(shown),
    h("h2", {}, "The six primaries"),
    h("div", { class: "reading" }, scores(result), circumplex(result.valence, result.arousal)),
    named(result),
    h(
      "div",
      { class: "actions" },
      h("button", { "data-testid": ids.again, disabled: writing, title: "Ask the engine anew and replace the entry", onclick: () => host.send({ type: "again" }) }, "Enrich Afresh"),
      h("button", { "data-testid": ids.copy, disabled: writing, onclick: () => host.send({ type: "copy" }) }, "Copy as JSON"),
    ),
  ].filter((part) => part !== null);
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

function provenance(shown: Named): HTMLElement {
  const { result } = shown;
  const { name, model, offline } = result.engine;
  return h(
    "div",
    { class: "provenance" },
    ...result.stages.map(stage),
    shown.state === "whole" ? null : unfinished(2, shown.state),
    h(
      "p",
      { class: "quiet" },
      h("span", { "data-testid": ids.engine }, `${name} · ${model}${offline ? " · offline" : ""}`),
      ...(shown.state === "whole" ? [" · ", figure(ids.total, result.totalMs, duration(result.totalMs)), " in all"] : []),
      ...(result.savedMs > 0 ? [" · ", figure(ids.saved, result.savedMs, duration(result.savedMs)), " saved"] : []),
    ),
  );
}

function stage(report: StageReport): HTMLElement {
  const id = ids.stage(report.stage);
  return h(
    "p",
    { role: "status" },
    h("span", { class: "stage" }, stageName(report.stage)),
    h("span", { class: `badge ${report.outcome}`, "data-testid": id, "data-value": report.outcome, title: `Key ${report.key}` }, outcomeName(report.outcome, report.tier)),
    figure(`${id}-ms`, report.totalMs, duration(report.totalMs)),
    report.reason === null ? null : h("span", { class: "quiet" }, report.reason),
  );
}

function stageName(stage: number): string {
  return stage === 0 ? "Picture" : `Stage ${stage}`;
}

/** A stage where its report will be. */
function unfinished(stage: number, state: Unfinished): HTMLElement {
  return h(
    "p",
    { role: "status" },
    h("span", { class: "stage" }, stageName(stage)),
    h("span", { class: `badge ${state}`, "data-testid": ids.stage(stage), "data-value": state }, state.toUpperCase()),
    state === "writing"
      ? h("button", { "data-testid": ids.cancel, class: "link", onclick: () => host.send({ type: "cancel" }) }, "Cancel")
      : h("span", { class: "quiet" }, "nothing of it is kept"),
  );
}

function written(shown: Named): HTMLElement | null {
  const whole = shown.state === "whole" ? shown.result.postEnrichment : null;
  const lines = shown.state === "whole" ? whole && [...whole.poem, ...whole.tips, whole.closing] : shown.lines;
  if (lines === null) {
    return null;
  }
  const part = <K extends "p" | "li">(tag: K, [from, to]: readonly [number, number]): HTMLElement[] =>
    lines.slice(from, to).map((line) => h(tag, {}, line));
  const live = { "aria-live": "polite" };
  return h(
    "div",
    { class: "written" },
    h("div", { class: "poem", "data-testid": ids.poem, ...live }, ...part("p", PAGE.poem)),
    h("h2", {}, "Small things that may help"),
    h("ul", { "data-testid": ids.tips, ...live }, ...part("li", PAGE.tips)),
    h("div", { class: "closing", "data-testid": ids.closing, title: whole ? `Tone: ${whole.tone}` : undefined, ...live }, ...part("p", PAGE.closing)),
  );
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

function named(result: EnrichResult): HTMLElement | null {
  const rows = (
    [
      ["Invoked", ids.invoked, result.invoked],
      ["Expressed", ids.expressed, result.expressed],
      ["Events", ids.events, result.events],
    ] as const
  ).filter(([, , list]) => list.length > 0);
  if (rows.length === 0) {
    return null;
  }
  return h(
    "div",
    {},
    h("h2", {}, "Also in the text"),
    h(
      "dl",
      { class: "named" },
      ...rows.map(([label, id, list]) =>
        h("div", {}, h("dt", {}, label), h("dd", { "data-testid": id }, ...list.map((word) => h("span", { class: "chip" }, word)))),
      ),
    ),
  );
}

host.listen(show);
