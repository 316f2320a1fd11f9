import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { counted } from "../../format";
import { h } from "../dom";
import { STATS_IDS } from "../testids";
import { per, type Series } from "./series";

const HEIGHT = 190;
const COUNTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 1_000_000];

/** Hits and misses over time as stacked bars, with a line under it that reads out the bar at the pointer. */
export class Chart {
  readonly element: HTMLElement;
  private readonly canvas = h("div", { class: "chart", "data-testid": STATS_IDS.chart, role: "img" });
  private readonly readout = h("p", { class: "quiet readout", "aria-hidden": true });
  private plot: uPlot | undefined;
  private idle = "";
  private series: Series = { minutes: 1, at: [], hits: [], misses: [] };

  constructor() {
    this.element = h("div", {}, this.canvas, this.readout);
    new ResizeObserver(() => this.fit()).observe(this.canvas);
    new MutationObserver(() => this.redraw()).observe(document.body, { attributeFilter: ["class", "data-vscode-theme-id"] });
  }

  show(series: Series): void {
    this.series = series;
    const hits = series.hits.reduce((sum, value) => sum + value, 0);
    const misses = series.misses.reduce((sum, value) => sum + value, 0);
    this.canvas.setAttribute(
      "aria-label",
      `Bars ${per(series.minutes)}: ${counted(hits, "hit", "hits")} and ${counted(misses, "miss", "misses")} in all. The table below holds the numbers.`,
    );
    this.idle = hits + misses === 0 ? "No lookup in this window" : `Lookups ${per(series.minutes)}`;
    if (this.plot === undefined) {
      this.redraw();
    } else {
      this.plot.setData(this.data());
    }
    this.read(null);
  }

  private data(): uPlot.AlignedData {
    const { at, hits, misses } = this.series;
    // None, not zero: a bar of no height still has an edge.
    const drawn = (value: number): number | null => (value === 0 ? null : value);
    return [at, hits.map((value, index) => drawn(value + (misses[index] ?? 0))), hits.map(drawn)];
  }

  private redraw(): void {
    if (this.series.at.length === 0) {
      return;
    }
    this.plot?.destroy();
    const style = getComputedStyle(document.body);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const quiet = colour("--vscode-descriptionForeground");
    const font = `11px ${style.fontFamily}`;
    const bars = uPlot.paths.bars?.({ size: [0.72, 26, 2], radius: 0.12 });
    if (bars === undefined) {
      throw new Error("uPlot was built without bars.");
    }
    const axis = {
      stroke: quiet,
      font,
      ticks: { show: false },
      grid: { stroke: alpha(quiet), width: 1 },
    };
    this.plot = new uPlot(
      {
        width: this.width(),
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
        padding: [10, 20, 0, 0],
        scales: {
          // Half a slice of room on both sides: bars stand on the middle of theirs.
          x: { range: (_, min, max) => [min - 0.6 * 60 * this.series.minutes, max + 0.6 * 60 * this.series.minutes] },
          y: { range: (_, __, max) => [0, Math.max(4, Math.ceil(max * 1.1))] },
        },
        axes: [
          { ...axis, grid: { show: false }, space: 70, size: 26, values: times },
          { ...axis, size: 38, incrs: COUNTS },
        ],
        series: [{}, this.bar("miss", bars), this.bar("hit", bars)],
        hooks: { setCursor: [(plot) => this.read(plot.cursor.idx ?? null)] },
      },
      this.data(),
      this.canvas,
    );
  }

  /** Bars with the area and the edge that the style sheet gives a swatch. */
  private bar(outcome: "hit" | "miss", paths: uPlot.Series.PathBuilder): uPlot.Series {
    const swatch = h("span", { class: `${outcome}-colour` });
    this.canvas.append(swatch);
    const { backgroundColor: fill, color: stroke } = getComputedStyle(swatch);
    const series = { fill, stroke, width: 1, paths, points: { show: false } };
    swatch.remove();
    return series;
  }

  private read(index: number | null): void {
    const at = index === null ? undefined : this.series.at[index];
    if (index === null || at === undefined) {
      this.readout.textContent = this.idle;
      return;
    }
    const hits = counted(this.series.hits[index] ?? 0, "hit", "hits");
    const misses = counted(this.series.misses[index] ?? 0, "miss", "misses");
    this.readout.textContent = `${moment(at, this.series.minutes)}: ${hits}, ${misses}`;
  }

  private fit(): void {
    this.plot?.setSize({ width: this.width(), height: HEIGHT });
  }

  private width(): number {
    return Math.max(200, this.canvas.clientWidth);
  }
}

function alpha(colour: string): string {
  return `color-mix(in srgb, ${colour} 22%, transparent)`;
}

/** A time of day as it is written where the reader lives. */
export function clock(date: Date): string {
  return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** A day of the year, likewise. */
export function day(date: Date): string {
  return date.toLocaleDateString([], { month: "short", day: "numeric" });
}

/** The start of a slice as its axis or table says it: a time, with the date where slices are long. */
export function moment(at: number, minutes: number): string {
  const date = new Date(at * 1000);
  return minutes >= 1440 ? day(date) : minutes >= 15 ? `${day(date)}, ${clock(date)}` : clock(date);
}

function times(_: uPlot, splits: number[]): string[] {
  const dates = splits.map((at) => new Date(at * 1000));
  if ((splits.at(-1) ?? 0) - (splits[0] ?? 0) <= 2 * 86_400) {
    return dates.map(clock);
  }
  // Each day once.
  return dates.map(day).map((name, index, days) => (name === days[index - 1] ? "" : name));
}
