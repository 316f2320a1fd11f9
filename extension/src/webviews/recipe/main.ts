import "../theme.css";
import "./recipe.css";
import { duration, outcomeName } from "../../format";
import type { RunResult } from "../../protocol";
import { figure, h, prose } from "../dom";
import { Host } from "../host";
import { patch } from "../patch";
import { RECIPE_IDS as ids } from "../testids";
import type { Answer } from "./answer";
import type { FromRecipe, ToRecipe } from "./protocol";

const host = new Host<ToRecipe, FromRecipe>();

function show(answer: Answer): void {
  const { recipe, excerpt, text, state, result } = answer;
  const json = result !== null && typeof result.output !== "string";
  const page = h(
    "article",
    { "data-testid": ids.panel, "data-state": state },
    h("h1", { "data-testid": ids.recipe }, recipe),
    h("p", { class: "excerpt quiet" }, excerpt),
    h("p", { class: "outcome", role: "status" }, ...(result === null ? unfinished(answer) : outcome(result))),
    h("div", { class: "notice", role: "alert", "data-testid": ids.problem }, ...problem(answer)),
    // Above the answer: below, Cancel would move with every line.
    actions(answer),
    // Busy until it is whole: a screen reader would begin anew with every word.
    h(
      "div",
      { class: json ? "answer json" : "answer", "data-testid": ids.answer, "aria-label": "Answer", "aria-live": "polite", "aria-busy": String(state === "writing") },
      text,
    ),
  );
  const root = document.getElementById("root");
  if (root?.firstChild) {
    patch(root.firstChild, page);
  } else {
    root?.append(page);
  }
}

function outcome({ outcome: name, tier, totalMs, savedMs, reason, key, engine }: RunResult): (HTMLElement | string)[] {
  return [
    h("span", { class: `badge ${name}`, "data-testid": ids.outcome, "data-value": name, title: `Key ${key}` }, outcomeName(name, tier)),
    figure(ids.total, totalMs, duration(totalMs)),
    h("span", { class: "quiet", "data-testid": ids.engine }, `${engine.name} · ${engine.model}${engine.offline ? " · offline" : ""}`),
    ...(savedMs > 0 ? [h("span", { class: "quiet" }, "· ", figure(ids.saved, savedMs, duration(savedMs)), " saved")] : []),
    ...(reason === null ? [] : [h("span", { class: "quiet" }, `· ${reason}`)]),
  ];
}

/** Where the outcome will be. */
function unfinished({ state }: Answer): HTMLElement[] {
  const badge = h("span", { class: `badge ${state}`, "data-testid": ids.outcome, "data-value": state }, state.toUpperCase());
  return state === "writing" ? [badge] : [badge, h("span", { class: "quiet" }, "nothing of it is kept")];
}

function problem({ problem: found }: Answer): HTMLElement[] {
  if (found === null) {
    return [];
  }
  const remedies = found.remedies.map(({ title }, at) =>
    h("button", { class: "link", onclick: () => host.send({ type: "remedy", at }) }, title),
  );
  return [h("span", {}, ...prose(found.message)), ...remedies];
}

function actions({ state, text, selected, placed }: Answer): HTMLElement {
  const writing = state === "writing";
  const button = (id: string, type: Exclude<FromRecipe["type"], "remedy">, enabled: boolean, title: string): HTMLElement =>
    h("button", { "data-testid": id, disabled: !enabled, hidden: id === ids.cancel && !enabled, onclick: () => host.send({ type }) }, title);
  const ready = !writing && text !== "";
  return h(
    "div",
    { class: "actions" },
    button(ids.replace, "replace", ready && selected, "Replace Selection"),
    button(ids.insert, "insert", ready && placed, "Insert Below"),
    button(ids.copy, "copy", ready, "Copy"),
    button(ids.again, "again", !writing, "Run Afresh"),
    button(ids.cancel, "cancel", writing, "Cancel"),
  );
}

host.listen(({ answer }) => show(answer));
