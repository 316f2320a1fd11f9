import "../theme.css";
import "./stats.css";
import { count, duration, kindName, percent, size, words } from "../../format";
import type { CacheMode, KindStats, Percentiles, ServeState, StatsResult, StatsWindow } from "../../protocol";
import { figure, h, prose, table } from "../dom";
import { Host } from "../host";
import { STATS_IDS as ids } from "../testids";
import { Chart, clock, day, moment } from "./chart";
import { position } from "./latency";
import type { FromStats, ToStats } from "./protocol";
import { proxySection } from "./proxy";
import { per, series, type Series } from "./series";

const WINDOWS: readonly [StatsWindow, string, string][] = [
  ["session", "Session", "since the sidecar started"],
  ["hour", "Hour", "in the last hour"],
  ["day", "Day", "in the last 24 hours"],
  ["all", "All", "since the cache was made"],
];

const MODES: Record<CacheMode, string> = { on: "Cache on", off: "Cache off", bypass: "Cache bypassed" };

const host = new Host<ToStats, FromStats>();
const chart = new Chart();
const engine = h("p", { class: "quiet", "data-testid": ids.engine });
const notices = h("div");
const tiles = h("div", { class: "tiles" });
const details = h("dl", { class: "outcomes" });
const chartTable = h("div", { class: "scroll" });
const kinds = h("div", { class: "scroll", "data-testid": ids.kinds });
const latency = h("div", { class: "scroll" });
const proxy = h("section", { "aria-label": "Proxy" });
const buttons = WINDOWS.map(([name, title, meaning]) =>
  h(
    "button",
    {
      "data-testid": ids.window(name),
      "aria-pressed": String(name === "session"),
      title: `What happened ${meaning}`,
      onclick: () => host.send({ type: "window", window: name }),
    },
    title,
  ),
);

const body = h(
  "div",
  { hidden: true },
  tiles,
  h("h2", {}, "Lookups"),
  legend(),
  chart.element,
  h("details", {}, h("summary", {}, "The same as a table"), chartTable),
  details,
  proxy,
  h("h2", {}, "Kinds"),
  kinds,
  h("h2", {}, "Latency"),
  latency,
  h(
    "div",
    { class: "actions" },
    command("refrain.purge", "Purge Cache…", ids.purge),
    command("refrain.explain", "Explain Last Miss", ids.explain),
    command("refrain.serve", "Serve Ollama Through the Cache", ids.serve),
    command("refrain.openConfig", "Open Configuration"),
  ),
);
document.getElementById("root")?.append(
  h(
    "div",
    { "data-testid": ids.panel },
    h(
      "header",
      {},
      h("div", {}, h("h1", {}, "Cache Stats"), engine),
      h("div", { class: "windows", role: "group", "aria-label": "Window of time" }, ...buttons),
    ),
    notices,
    body,
  ),
);

function command(name: Extract<FromStats, { type: "command" }>["command"], title: string, id?: string): HTMLElement {
  return h("button", { "data-testid": id, onclick: () => host.send({ type: "command", command: name }) }, title);
}

function legend(): HTMLElement {
  const item = (name: "hit" | "miss", text: string): HTMLElement =>
    h("span", {}, h("i", { class: `swatch ${name}-colour`, "data-testid": ids.swatch(name), "aria-hidden": true }), text);
  return h("div", { class: "legend quiet" }, item("hit", "Hits"), item("miss", "Misses"));
}

function show(stats: StatsResult, serving: ServeState | undefined): void {
  body.hidden = false;
  buttons.forEach((button, index) =>
    button.setAttribute("aria-pressed", String(WINDOWS[index]?.[0] === stats.window)),
  );
  engine.replaceChildren(...engineLine(stats));
  notices.replaceChildren(...warnings(stats));
  tiles.replaceChildren(...tileRow(stats));
  details.replaceChildren(...outcomes(stats));
  const slices = series(stats.timeline, Date.now() / 1000);
  chart.show(slices);
  chartTable.replaceChildren(sliceTable(slices));
  kinds.replaceChildren(kindTable(stats.kinds));
  latency.replaceChildren(latencyTable(stats));
  proxy.replaceChildren(...proxySection(serving));
}

function engineLine({ engine: info, state }: StatsResult): (Node | string)[] {
  const where = state.path === null ? [] : [" · ", h("span", { class: "mono", title: state.path }, short(state.path))];
  const mode = h("span", { "data-testid": ids.state, "data-value": state.mode }, MODES[state.mode]);
  const model = info === null ? "no engine chosen yet" : `${info.name} · ${info.model}`;
  const shared = state.shared === null ? [] : [" · shared ", h("span", { class: "mono" }, state.shared.url)];
  return [mode, ...where, ...shared, " · ", model];
}

/** The end of a path, which tells one from another; the whole is in its tooltip. */
function short(path: string): string {
  const parts = path.split(/[\\/]/);
  return parts.length > 3 ? `…/${parts.slice(-2).join("/")}` : path;
}

function warnings(stats: StatsResult): HTMLElement[] {
  const notes: string[] = [];
  if (stats.state.mode === "bypass") {
    notes.push(`Bypass: answers are computed, not kept. ${stats.state.reason ?? ""}`);
  }
  if (stats.state.mode === "off") {
    notes.push("The cache is switched off by caching.enabled: every answer is computed.");
  }
  if (stats.state.shared?.reason) {
    notes.push(`The shared tier is left out. ${stats.state.shared.reason}`);
  }
  if (stats.engineMessage !== null) {
    notes.push(stats.engine === null ? stats.engineMessage : `Engine offline: stored answers are given. ${stats.engineMessage}`);
  }
  return notes.map((note) => notice(note));
}

function notice(text: string): HTMLElement {
  return h("div", { class: "notice", role: "alert", "data-testid": ids.problem }, h("span", {}, ...prose(text)));
}

function remedies(titles: readonly string[]): HTMLElement {
  return h(
    "div",
    { class: "actions" },
    ...titles.map((title, index) => h("button", { onclick: () => host.send({ type: "remedy", index }) }, title)),
  );
}

function tileRow(stats: StatsResult): HTMLElement[] {
  const hits = stats.hitsMemory + stats.hitsDisk + stats.hitsShared;
  const full = stats.maxBytes > 0 ? stats.bytes / stats.maxBytes : 0;
  const meter = h("span", { class: "meter", "aria-hidden": true }, h("i"));
  (meter.firstElementChild as HTMLElement).style.width = `${Math.min(100, full * 100)}%`;
  return [
    tile("Hit rate", figure(ids.hitRate, stats.hitRate, percent(stats.hitRate)), lookups(stats.lookups), "lead"),
    tile("Hits", figure(ids.hits, hits, count(hits)), typical(stats.hitMs)),
    tile("Misses", figure(ids.misses, stats.misses, count(stats.misses)), typical(stats.missMs)),
    tile("Time saved", figure(ids.saved, stats.savedMs, duration(stats.savedMs)), `since ${since(stats.since)}`),
    tile("Entries", figure(ids.entries, stats.entries, count(stats.entries)), "kept now"),
    tile("Size", figure(ids.bytes, stats.bytes, size(stats.bytes)), h("span", {}, meter, `of ${size(stats.maxBytes)}`)),
  ];
}

function lookups(value: number): HTMLElement {
  return h("span", {}, "of ", figure(ids.lookups, value, count(value), ""), value === 1 ? " lookup" : " lookups");
}

function typical(at: Percentiles | null): string {
  return at === null ? "none yet" : `${duration(at.p50)} at p50`;
}

function since(at: number): string {
  const date = new Date(at * 1000);
  return date.toDateString() === new Date().toDateString() ? clock(date) : day(date);
}

function tile(label: string, value: HTMLElement, note: string | HTMLElement, className = ""): HTMLElement {
  return h("div", { class: `tile ${className}` }, h("span", { class: "label" }, label), value, h("span", { class: "note" }, note));
}

function outcomes(stats: StatsResult): HTMLElement[] {
  const item = (label: string, id: string, value: number): HTMLElement =>
    h("div", {}, h("dt", {}, label), h("dd", {}, figure(id, value, count(value))));
  return [
    item("Memory hits", ids.hitsMemory, stats.hitsMemory),
    item("Disk hits", ids.hitsDisk, stats.hitsDisk),
    ...(stats.state.shared !== null || stats.hitsShared > 0 ? [item("Shared hits", ids.hitsShared, stats.hitsShared)] : []),
    ...(stats.refusedShared > 0 ? [item("Shared values refused", ids.refusedShared, stats.refusedShared)] : []),
    item("Coalesced", ids.coalesced, stats.coalesced),
    item("Bypassed", ids.bypassed, stats.bypassed),
    item("Refused", ids.refused, stats.refused),
    ...Object.entries(stats.missCauses)
      .filter(([, value]) => value > 0)
      .map(([cause, value]) => item(`Missed: ${words(cause)}`, ids.missCause(cause), value)),
  ];
}

function sliceTable({ minutes, at, hits, misses }: Series): HTMLElement {
  const rows = at
    .map((start, index) => [moment(start, minutes), hits[index] ?? 0, misses[index] ?? 0] as const)
    .filter(([, hit, miss]) => hit + miss > 0)
    .map(([start, hit, miss]) => [start, count(hit), count(miss)]);
  if (rows.length === 0) {
    return h("p", { class: "quiet", "data-testid": ids.chartTable }, "No lookup in this window.");
  }
  const slices = table(`Hits and misses ${per(minutes)}`, ["From", "Hits", "Misses"], rows);
  slices.dataset["testid"] = ids.chartTable;
  return slices;
}

function kindTable(list: readonly KindStats[]): HTMLElement {
  if (list.length === 0) {
    return h("p", { class: "quiet" }, "No entries and no lookups yet. Select some text and run Enrich Selection.");
  }
  const cell = (kind: string, name: string, raw: number | null, shown: string): HTMLElement =>
    figure(`${ids.kind(kind)}-${name}`, raw, shown);
  return table(
    "Entries and outcomes by kind",
    ["Kind", "Entries", "Size", "Hits", "Coalesced", "Misses", "Hit rate", "Time saved"],
    list.map((kind) => [
      h("span", { "data-testid": ids.kind(kind.kind), title: kind.kind }, kindName(kind.kind)),
      cell(kind.kind, "entries", kind.entries, count(kind.entries)),
      cell(kind.kind, "bytes", kind.bytes, size(kind.bytes)),
      cell(kind.kind, "hits", kind.hits, count(kind.hits)),
      cell(kind.kind, "coalesced", kind.coalesced, count(kind.coalesced)),
      cell(kind.kind, "misses", kind.misses, count(kind.misses)),
      cell(kind.kind, "rate", kind.hitRate, percent(kind.hitRate)),
      cell(kind.kind, "saved", kind.savedMs, duration(kind.savedMs)),
    ]),
  );
}

function latencyTable(stats: StatsResult): HTMLElement {
  const rows = [
    ...stats.kinds.flatMap(({ kind, hitMs, missMs }) => [
      ...latencies(ids.kind(kind), `${kindName(kind)} hit`, "hit", hitMs),
      ...latencies(`${ids.kind(kind)}-miss`, `${kindName(kind)} miss`, "miss", missMs),
    ]),
    ...latencies("stats-store", "Storing an entry", "hit", stats.storeMs),
  ];
  if (rows.length === 0) {
    return h("p", { class: "quiet" }, "No lookup in this window.");
  }
  return table(
    "Latency percentiles by kind and outcome",
    ["What", "Samples", "p50", "p95", "p99", "1 µs to 100 s"],
    rows,
  );
}

/** A row of the table; none where nothing was measured. */
function latencies(id: string, label: string, outcome: "hit" | "miss", at: Percentiles | null): (Node | string)[][] {
  if (at === null) {
    return [];
  }
  const cells = (["p50", "p95", "p99"] as const).map((name) => figure(`${id}-${name}`, at[name], duration(at[name])));
  return [[label, count(at.count), ...cells, range(outcome, at)]];
}

/** From p50 to p99 on a logarithmic axis; the table beside it says the same in numbers. */
function range(outcome: "hit" | "miss", at: Percentiles): HTMLElement {
  const bar = h("i", { class: `${outcome}-colour` });
  const from = position(at.p50);
  bar.style.left = `${from * 100}%`;
  bar.style.width = `${(position(at.p99) - from) * 100}%`;
  return h("span", { class: "range", "aria-hidden": true }, bar);
}

host.listen((message) => {
  if (message.type === "stats") {
    show(message.stats, message.proxy);
  } else {
    body.hidden = true;
    engine.replaceChildren();
    notices.replaceChildren(notice(message.message), remedies(message.remedies));
  }
});
