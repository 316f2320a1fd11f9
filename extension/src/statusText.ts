import { count, duration, kindName, percent } from "./format";
import { figures, page, upstream } from "./proxyWords";
import type { ServeState, StatsResult } from "./protocol";
import type { SidecarState } from "./sidecar";

/** What the status-bar item shows. `tooltip` is Markdown. */
export interface StatusText {
  text: string;
  tooltip: string;
  warning: boolean;
  spoken: string;
}

/** The item's face from what is known. `stats` are the session's, `stoppedBecause` is used when it is stopped. */
export function statusText(
  state: SidecarState,
  stats: StatsResult | undefined,
  busy: boolean,
  stoppedBecause: string,
  proxy?: ServeState,
): StatusText {
  if (state === "stopped") {
    return {
      text: "$(warning) Refrain",
      tooltip: `**Refrain is not running**\n\n${escaped(stoppedBecause)}`,
      warning: true,
      spoken: "Refrain is not running",
    };
  }
  const spinning = busy || state === "starting";
  const rate = percent(stats?.hitRate ?? null);
  const away = stats?.engine?.offline === true;
  const lame = proxy !== undefined && (proxy.error !== null || (proxy.running && !proxy.reachable));
  const warning = lame || (stats !== undefined && (stats.state.mode === "bypass" || noEngine(stats) || away));
  const icon = spinning ? "$(loading~spin)" : warning ? "$(warning)" : "$(history)";
  return {
    text: `${icon} ${rate}${away ? " · engine offline" : ""}${proxy?.running ? " $(radio-tower)" : ""}`,
    tooltip: stats === undefined ? "**Refrain** is starting…" : [tooltip(stats), ...proxyLines(proxy)].join("\n\n"),
    warning,
    spoken: `Refrain: ${stats?.hitRate == null ? "no lookup yet" : `hit rate ${rate}`}${away ? ", engine offline" : ""}${proxy?.running ? `, serving at ${proxy.url}` : ""}`,
  };
}

/** True once the sidecar has looked for an engine and found none. */
export function noEngine(stats: StatsResult): boolean {
  return stats.engine === null && stats.engineMessage !== null;
}

function tooltip(stats: StatsResult): string {
  const paragraphs = [
    `**Refrain** · ${stats.lookups === 0 ? "no lookup in this session yet" : `hit rate ${percent(stats.hitRate)} in this session`}`,
  ];
  if (stats.state.mode !== "on") {
    const what = stats.state.mode === "off" ? "Cache off" : "Cache bypassed";
    paragraphs.push(`$(warning) **${what}**${stats.state.reason === null ? "" : `: ${escaped(stats.state.reason)}`}`);
  }
  if (stats.state.shared?.reason) {
    paragraphs.push(`$(warning) **Shared tier left out**: ${escaped(stats.state.shared.reason)}`);
  }
  if (noEngine(stats)) {
    paragraphs.push(`$(warning) **No engine**: ${escaped(stats.engineMessage ?? "")}`);
  }
  if (stats.engine?.offline === true) {
    paragraphs.push(`$(warning) **Engine offline**, stored answers are given: ${escaped(stats.engineMessage ?? "")}`);
  }
  const seen = stats.kinds.filter((kind) => kind.hits + kind.coalesced + kind.misses + kind.bypassed > 0);
  if (seen.length > 0) {
    const rows = seen.map((kind) =>
      [
        escaped(kindName(kind.kind)),
        count(kind.hits),
        count(kind.misses),
        percent(kind.hitRate),
        duration(kind.hitMs?.p50),
        duration(kind.hitMs?.p95),
        duration(kind.hitMs?.p99),
      ].join(" | "),
    );
    paragraphs.push(
      ["Kind | Hits | Misses | Rate | p50 | p95 | p99", ":-- | --: | --: | --: | --: | --: | --:", ...rows]
        .map((row) => `| ${row} |`)
        .join("\n"),
    );
  }
  paragraphs.push(
    `Time saved ${duration(stats.savedMs)} · ${count(stats.entries)} entries`,
    `Engine: ${engine(stats)} · [Choose Model…](command:refrain.chooseModel)`,
  );
  return paragraphs.join("\n\n");
}

function proxyLines(proxy: ServeState | undefined): string[] {
  if (proxy === undefined || (!proxy.running && proxy.error === null)) {
    return [];
  }
  if (!proxy.running) {
    return [`$(warning) **The proxy does not run**: ${escaped(proxy.error ?? "")}`];
  }
  const where = `$(radio-tower) **Serving** at [${escaped(proxy.url ?? "")}](${page(proxy)})${proxy.shared ? ", from another process" : ""}`;
  const away = `$(warning) **Upstream away** (${escaped(upstream(proxy))}): only stored answers are given`;
  return [
    `${where} · ${figures(proxy)} · [More…](command:refrain.serve)`,
    ...(proxy.reachable ? [] : [away]),
  ];
}

function engine({ engine: found }: StatsResult): string {
  return found === null ? "chosen at the first enrichment" : `${found.name} · \`${found.model}\``;
}

/** Text from elsewhere as Markdown that shows it literally, on one line. */
export function escaped(text: string): string {
  return text.replace(/\s*\r?\n\s*/g, " ").replace(/[\\`*_{}[\]()#+\-.!|<>~$]/g, "\\$&");
}
