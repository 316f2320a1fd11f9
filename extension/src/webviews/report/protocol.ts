/** A fact of a report. `key` names it for tests; `value` is what is shown. */
export interface Fact {
  key: string;
  label: string;
  value: string;
  note?: string;
  status?: "ok" | "warn" | "fail";
}

/** A short page: what was found, the facts under it, what can be done. */
export interface Report {
  title: string;
  lead: string;
  facts: Fact[];
  table?: { head: string[]; rows: string[][] };
  actions: { title: string; command: string }[];
}

/** From the extension to the report panel. */
export type ToReport = { type: "report"; report: Report };

/** From the report panel to the extension. */
export type FromReport = { type: "ready" } | { type: "command"; command: string };
