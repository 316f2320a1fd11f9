// The page at /refrain: shows what comes over /refrain/events, asks for entries by itself. Labels,
// models and clients name themselves; whatever is shown is set as text, nothing is parsed as HTML.

const $ = (id) => document.getElementById(id);
const PAGE = 25;
const MINUTES = 60;
const RECONNECT_MS = 2000;
const TYPING_MS = 250;

/** An element with attributes, listeners and children. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const quiet = (text, kind = "") => h("span", { class: `quiet ${kind}` }, text);

/** A button in a row about `what`; `key` tells rows of one name apart. */
function button(text, what, onclick, key = what) {
  return h("button", { type: "button", "data-key": `${text} ${key}`, "aria-label": `${text} ${what}`, onclick }, text);
}

/** `columns` are [heading, what a row has there, class]; the first is each row's header. */
function table(caption, columns, rows) {
  const line = (row) =>
    columns.map(([, cell, kind = ""], at) =>
      h(...(at === 0 ? ["th", { scope: "row", class: kind }] : ["td", { class: kind }]), ...[cell(row)].flat()),
    );
  const head = columns.map(([name, , kind = ""]) => h("th", { scope: "col", class: kind }, name));
  const body = rows.map((row) => h("tr", {}, ...line(row)));
  const parts = [h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...body)];
  return h("table", {}, h("caption", { class: "unseen" }, caption), ...parts);
}

/** Shows in an element what `make` makes of `data`, unless it does; what had the focus keeps it. */
function fill(element, data, make) {
  const text = JSON.stringify(data);
  if (element.shown === text) return;
  element.shown = text;
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  element.replaceChildren(make(data));
  if (focused !== undefined) element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

/** Fills `words` into the page's own texts; shows what depends on one. */
function say(words) {
  for (const element of document.querySelectorAll("[data-text]")) {
    const text = element.dataset.text.replace(/\{(\w+)\}/g, (_, name) => words[name]);
    if (element.textContent !== text) element.textContent = text;
  }
  for (const element of document.querySelectorAll("[data-if]")) element.hidden = !words[element.dataset.if];
}

const count = new Intl.NumberFormat("en").format;
const counted = (value, one, many) => `${count(value)} ${value === 1 ? one : many}`;
/** A name somebody gave, without what would turn round the text after it, and no longer than `most`. */
function cut(name, most = 80) {
  const text = name.replace(/\p{Bidi_Control}/gu, "");
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
const clock = (at) => new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

/** Never 100% or 0% unless it is exactly that. */
function percent(rate) {
  if (rate === null) return "–";
  const rounded = Math.round(rate * 100);
  if (rounded === 100 && rate < 1) return ">99%";
  return rounded === 0 && rate > 0 ? "<1%" : `${rounded}%`;
}

/** A value in the largest unit that it fills; each unit says how many make the next. */
function scaled(value, units) {
  let at = 0;
  for (; at < units.length - 1 && value >= units[at][1] * 0.9995; at += 1) value /= units[at][1];
  return `${at > 0 && value < 9.95 ? value.toFixed(1) : count(Math.round(value))} ${units[at][0]}`;
}

const duration = (ms) => scaled(ms, [["ms", 1000], ["s", 60], ["min", 60], ["h", 24], ["d"]]);
const size = (bytes) => scaled(bytes, [["B", 1024], ["KiB", 1024], ["MiB", 1024], ["GiB", 1024], ["TiB"]]);

let latest;
/** By how many seconds the proxy's clock is before this one. */
let ahead = 0;
const now = () => Date.now() / 1000 + ahead;
const spared = (counts) => counts.hits + counts.coalesced;

function show(figures) {
  const bars = lastHour(figures.minutes);
  say(wordsOf(figures, bars));
  fill($("minutes"), bars.filter((bar) => bar.requests > 0).reverse(), minutesTable);
  draw(bars);
  fill($("in_flight"), figures.in_flight.map(lasting), flights);
  fill($("clients"), figures.clients, (rows) => breakdown("Client", rows));
  fill($("models"), figures.models, (rows) => breakdown("Model", rows, ["Purge", purgeModel]));
  fill($("endpoints"), figures.endpoints, (rows) => breakdown("Endpoint", rows));
  offerKinds(figures.cache.kinds);
  readIfChanged(figures.cache);
}

/** All that the texts of page.html name. */
function wordsOf({ about, totals, cache, clients, since, passed_through, in_flight_total: flying }, bars) {
  const never = clients.filter((client) => client.never_hits);
  const ollama = `Ollama ${about.version ?? ""} at ${about.upstream}`;
  return {
    ...{ url: about.url, upstream: about.upstream, policy: about.policy, [about.policy]: true },
    engine: about.engine === "embedded" ? "the embedded engine" : ollama,
    unreachable: !about.reachable,
    unkept: cache.mode === "on" ? "" : cache.reason,
    never: never.map((client) => `${cut(client.name)} (${counted(client.requests, "request", "requests")})`).join(", "),
    would: totals.would_hit > 0 && count(totals.would_hit),
    would_save: duration(totals.would_save_ms),
    unused: totals.requests === 0,
    used: totals.requests > 0,
    hit_rate: percent(totals.hit_rate),
    spared: count(spared(totals)),
    may: count(spared(totals) + totals.misses),
    saved: duration(totals.saved_ms),
    tokens: count(totals.saved_tokens),
    ...Object.fromEntries(["requests", "coalesced", "passed", "errors"].map((name) => [name, count(totals[name])])),
    chart_from: clock(bars[0].at),
    chart_most: counted(Math.max(...bars.map((bar) => bar.requests)), "request", "requests"),
    flying: flying > 0,
    idle: flying === 0,
    since: new Date(since * 1000).toLocaleString(),
    other: count(passed_through),
  };
}

/** A bar for each minute, oldest first; those without requests hold zeros. */
function lastHour(minutes) {
  const none = { hits: 0, coalesced: 0, misses: 0, passed: 0, requests: 0 };
  const starts = Array.from({ length: MINUTES }, (_, index) => (Math.floor(now() / 60) - MINUTES + 1 + index) * 60);
  return starts.map((at) => minutes.find((minute) => minute.at === at) ?? { ...none, at });
}

function draw(bars) {
  const most = Math.max(4, ...bars.map((bar) => bar.requests));
  const tops = bars.map(() => 120);
  const parts = { hit: spared, miss: (bar) => bar.misses, passed: (bar) => bar.passed };
  for (const [kind, of] of Object.entries(parts)) {
    const drawn = bars.map((bar, index) => {
      const height = (of(bar) / most) * 116;
      tops[index] -= height;
      return height > 0 ? `M${index * 10 + 1.5} ${tops[index]}h7v${height}h-7z` : "";
    });
    $("chart").querySelector(`.${kind}`).setAttribute("d", drawn.join(""));
  }
}

const COUNTS = [
  ["Hits", (row) => count(spared(row))],
  ["Misses", (row) => count(row.misses), "spare"],
  ["Passed on", (row) => count(row.passed), "spare"],
];

const minutesTable = (bars) => table("Requests a minute", [["Minute", (bar) => clock(bar.at)], ...COUNTS], bars);

function breakdown(name, rows, ...more) {
  const columns = [
    [name, (row) => [cut(row.name) || "(not named)", row.never_hits ? quiet("never a hit") : ""]],
    ["Requests", (row) => count(row.requests)],
    ...COUNTS,
    ["Hit rate", (row) => percent(row.hit_rate), "spare"],
    ["Saved", (row) => duration(row.saved_ms), more.length > 0 ? "spare" : ""],
    ...more,
  ];
  return table(`Requests by ${name.toLowerCase()}`, columns, rows);
}

function purgeModel({ name: model }) {
  const question = (found) => `Purge ${found} of the model ${cut(model)}, of whatever kind?`;
  return model ? button("Purge …", cut(model), () => purge({ model }, question)) : "";
}

/** A request in flight with `ms`, how long it has been. */
const lasting = (request) => ({ ...request, ms: Math.max(0, now() - request.since) * 1000 });

function flights(requests) {
  const columns = [
    ["Model", (request) => [cut(request.model), quiet(request.endpoint)]],
    ["Client", (request) => cut(request.client), "text"],
    ["Waiting", (request) => count(request.waiting), "spare"],
    ["Received", (request) => size(request.sent), "spare"],
    ["For", (request) => duration(request.ms)],
  ];
  return table("Requests in flight", columns, requests);
}

const view = { offset: 0, held: "", asked: 0, typing: undefined };

async function api(path, posted) {
  const headers = { "content-type": "application/json" };
  const options = posted && { method: "POST", headers, body: JSON.stringify(posted) };
  const response = await fetch(`/refrain/${path}`, options);
  const body = await response.json();
  if (!response.ok) throw new Error(body.error);
  return body;
}

/** Runs what asks the proxy; where that fails, says so. */
async function trying(what, work) {
  try {
    await work();
  } catch (error) {
    $("found").textContent = `${what}: ${error.message}`;
  }
}

const readEntries = () => trying("Not read", async () => {
  const asked = (view.asked += 1);
  const [kind, order, search] = ["kind", "order", "search"].map((id) => $(id).value.trim());
  const page = await api(`entries?${new URLSearchParams({ kind, order, search, limit: PAGE, offset: view.offset })}`);
  // What was asked later is what is wanted.
  if (asked !== view.asked) return;
  const end = view.offset + page.entries.length;
  if (end === view.offset && end > 0) return turn(-PAGE);
  const shown = page.total > PAGE ? `${count(view.offset + 1)} to ${count(end)} of ` : "";
  const unread = page.unread > 0 ? `; ${count(page.unread)} further ones were not searched` : "";
  $("found").textContent = `${shown}${counted(page.total, "entry", "entries")}${search && " found"}${unread}`;
  $("previous").disabled = view.offset === 0;
  $("next").disabled = end >= page.total;
  fill($("entries"), [page.entries, search], () => (page.total > 0 ? entriesTable(page.entries) : noEntries(search)));
});

function entriesTable(entries) {
  const named = (entry) => cut(entry.label, 120) || entry.key.slice(0, 12);
  const told = (entry) => [cut(entry.model), entry.kind, entry.key.slice(0, 12)].filter(Boolean).join(" · ");
  const ask = (entry) => purge({ key: entry.key }, () => `Purge ${named(entry)}?`);
  const actions = (entry) => [
    button("Explain", named(entry), () => explain(entry.key), entry.key),
    button("Purge …", named(entry), () => ask(entry), entry.key),
  ];
  const columns = [
    ["Entry", (entry) => [named(entry), quiet(told(entry))]],
    ["Size", (entry) => size(entry.bytes), "spare"],
    ["Uses", (entry) => count(entry.uses), "spare"],
    ["Took", (entry) => duration(entry.cost_ms), "spare"],
    ["Last used", (entry) => new Date(entry.last_used_at * 1000).toLocaleString(), "spare"],
    ["Actions", actions],
  ];
  return table("Stored answers", columns, entries);
}

function noEntries(search) {
  // A key out of a header may be of an entry that is gone: why, is remembered.
  if (/^[0-9a-f]{6,64}$/i.test(search)) return button("Explain", `the key ${search}`, () => explain(search));
  return quiet(search ? "No label, model, kind or key has this in it." : "None yet. What is kept appears here.");
}

function offerKinds(kinds) {
  const missing = kinds.filter((kind) => ![...$("kind").options].some((option) => option.value === kind));
  $("kind").append(...missing.map((kind) => h("option", { value: kind }, kind)));
}

function readIfChanged({ entries, bytes }) {
  const held = `${entries} ${bytes}`;
  if (held === view.held) return;
  view.held = held;
  // What was searched for is not pulled from under the reader.
  if (!$("search").value) void readEntries();
}

/** Begins anew with what search, kind and order say. */
function again() {
  view.offset = 0;
  $("purge-kind").disabled = ["", "all"].includes($("kind").value);
  void readEntries();
}

function turn(by) {
  view.offset = Math.max(0, view.offset + by);
  return readEntries();
}

const purge = (selection, question) => trying("Not purged", async () => {
  const found = await api("purge", { ...selection, dry_run: true });
  $("ask-what").textContent = question(`${counted(found.entries, "entry", "entries")} (${size(found.bytes)})`);
  if ((await answered($("ask"))) !== "yes") return;
  const { entries, bytes } = await api("purge", selection);
  await readEntries();
  $("found").textContent = `Purged ${counted(entries, "entry", "entries")} (${size(bytes)}). ${$("found").textContent}`;
  // The button that was pressed may be gone with its row.
  if (document.activeElement === document.body) $("entries-name").focus();
});

const explain = (key) => trying("Not explained", async () => {
  const why = await api(`explain?${new URLSearchParams({ key })}`);
  const parts = [h("p", {}, why.summary), h("p", {}, quiet(why.key ?? key, "mono"))];
  if (why.nearest !== null) {
    const columns = [
      ["Ingredient", (one) => one.ingredient],
      ["There", (one) => cut(one.stored, 200), "text mono"],
      ["Here", (one) => cut(one.now, 200), "text mono"],
    ];
    parts.push(h("p", {}, "The most similar entry differs in these ingredients. Of prompts only hashes are kept."));
    parts.push(h("p", {}, quiet(why.nearest, "mono")), table("Differences", columns, why.differences));
  }
  $("why-what").replaceChildren(...parts);
  await answered($("why"));
});

/** The value of the button that closed the dialog; Escape has none. */
function answered(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}

/** An EventSource comes back by itself where the connection broke, not where something else answered. */
function connect() {
  const source = new EventSource("/refrain/events");
  source.addEventListener("figures", (event) => {
    contact("live", "Live");
    latest = JSON.parse(event.data);
    ahead = latest.now - Date.now() / 1000;
    show(latest);
  });
  source.addEventListener("error", () => {
    contact("lost", `No contact since ${clock(Date.now() / 1000)}; trying again`);
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, RECONNECT_MS);
  });
}

function contact(kind, text) {
  if ($("contact").classList.contains(kind)) return;
  $("contact").className = `badge ${kind}`;
  $("contact").textContent = text;
  $("figures").classList.toggle("stale", kind === "lost");
}

$("search").addEventListener("input", () => {
  clearTimeout(view.typing);
  view.typing = setTimeout(again, TYPING_MS);
});
for (const id of ["kind", "order"]) $(id).addEventListener("change", again);
$("previous").addEventListener("click", () => turn(-PAGE));
$("next").addEventListener("click", () => turn(PAGE));
$("purge-kind").addEventListener("click", () => {
  const kind = $("kind").value;
  void purge({ kind }, (found) => `Purge ${found} of the kind ${kind}?`);
});
// Time passes in the chart and in flight also while nothing comes.
setInterval(() => latest && show(latest), 1000);
connect();
