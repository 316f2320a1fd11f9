type Child = Node | string | null | undefined;

/** Attributes of an element; `onclick` is a listener, `data-testid` is what tests look for. */
export interface Attributes {
  [name: string]: string | number | boolean | undefined | (() => void);
  onclick?: () => void;
}

/** An element with attributes and children. Text is always text: nothing is parsed as HTML. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), value);
    } else if (value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== undefined));
  return element;
}

/** A sentence from the sidecar: what stands between backticks is set as code. */
export function prose(text: string): Child[] {
  return text.split("`").map((part, index) => (index % 2 === 1 ? h("code", {}, part) : part));
}

/** A formatted number that carries its raw value for tests and assistive tools. */
export function figure(id: string, raw: number | null, shown: string, className = "figure"): HTMLElement {
  return h("span", { class: className, "data-testid": id, "data-value": raw === null ? "" : raw }, shown);
}

/** A table with a header row and, in each row, its first cell as header. Columns after the first are numbers. */
export function table(caption: string, head: readonly string[], rows: readonly (readonly Child[])[]): HTMLTableElement {
  return h(
    "table",
    {},
    h("caption", { class: "unseen" }, caption),
    h("thead", {}, h("tr", {}, ...head.map((cell) => h("th", { scope: "col" }, cell)))),
    h(
      "tbody",
      {},
      ...rows.map(([first, ...rest]) =>
        h("tr", {}, h("th", { scope: "row" }, first), ...rest.map((cell) => h("td", {}, cell))),
      ),
    ),
  );
}
