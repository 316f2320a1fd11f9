import { h } from "../dom";

const SVG = "http://www.w3.org/2000/svg";
const SIDE = 132;
const PAD = 10;

/** Where a feeling lies: unpleasant to pleasant (valence, -1..1) across, calm to stirred (arousal, 0..1) up. */
export function circumplex(valence: number, arousal: number): HTMLElement {
  const picture = node("svg", {
    viewBox: `0 0 ${SIDE} ${SIDE}`,
    width: SIDE,
    height: SIDE,
    role: "img",
    "aria-label": `Valence ${valence.toFixed(2)} of -1 to 1, arousal ${arousal.toFixed(2)} of 0 to 1`,
  });
  const room = SIDE - 2 * PAD;
  picture.append(
    node("rect", { x: PAD, y: PAD, width: room, height: room, rx: 6, class: "field" }),
    node("line", { x1: SIDE / 2, y1: PAD, x2: SIDE / 2, y2: SIDE - PAD, class: "cross" }),
    node("line", { x1: PAD, y1: SIDE / 2, x2: SIDE - PAD, y2: SIDE / 2, class: "cross" }),
    node("circle", { cx: PAD + ((clamp(valence, -1, 1) + 1) / 2) * room, cy: SIDE - PAD - clamp(arousal, 0, 1) * room, r: 6, class: "dot" }),
  );
  return h(
    "figure",
    { class: "circumplex" },
    picture,
    h("figcaption", { class: "quiet" }, `valence ${signed(valence)}`, h("br"), `arousal ${arousal.toFixed(2)}`),
  );
}

function node(name: string, attributes: Record<string, string | number>): SVGElement {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, String(value));
  }
  return element;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

function signed(value: number): string {
  return value > 0 ? `+${value.toFixed(2)}` : value.toFixed(2).replace("-", "−");
}
