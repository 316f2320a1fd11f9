import { count, duration } from "../../format";
import type { ServeState } from "../../protocol";
import { page, upstream } from "../../proxyWords";
import { figure, h } from "../dom";
import { STATS_IDS as ids } from "../testids";

/** The proxy's address and figures; nothing as long as it does not run. */
export function proxySection(proxy: ServeState | undefined): HTMLElement[] {
  if (proxy === undefined || !proxy.running) {
    return [];
  }
  const item = (label: string, id: string, raw: number, shown: string): HTMLElement =>
    h("div", {}, h("dt", {}, label), h("dd", {}, figure(id, raw, shown)));
  return [
    h("h2", {}, "Proxy"),
    h(
      "p",
      {},
      h("code", { "data-testid": ids.proxyAddress }, proxy.url),
      " ",
      h("span", { class: "quiet", "data-testid": ids.proxyUpstream }, `in front of ${upstream(proxy)}${state(proxy)}`),
      " · ",
      h("a", { href: page(proxy) }, "its page"),
    ),
    h(
      "dl",
      { class: "outcomes" },
      item("Hits", ids.proxyHits, proxy.hits, count(proxy.hits)),
      item("Misses", ids.proxyMisses, proxy.misses, count(proxy.misses)),
      item("Passed", ids.proxyPassed, proxy.passed, count(proxy.passed)),
      item("Time saved", ids.proxySaved, proxy.savedMs, duration(proxy.savedMs)),
    ),
  ];
}

function state({ reachable, shared }: ServeState): string {
  return `${reachable ? "" : ", which is away"}${shared ? ", run by another process" : ""}`;
}
