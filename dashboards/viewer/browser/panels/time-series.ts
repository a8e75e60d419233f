// The time series panel: a chart and a legend that hides and shows its lines.
import type uPlot from "uplot";
import { el } from "../dom.ts";
import { calculationTitles, reduce } from "../fields.ts";
import { keepFocus, rove } from "../focus.ts";
import type { PanelData } from "../model.ts";
import { color, seriesColor, theme } from "../theme.ts";
import { showText } from "../units.ts";
import { columns, isStacked, type Line, makeChart } from "./chart.ts";
import { type MakeView, option } from "./view.ts";

export const timeSeries: MakeView = (box, panel, context) => {
  const area = el("div", { class: "chart", tabindex: 0, role: "img", "aria-label": panel.title ?? "chart" });
  const legend = el("div", { class: "legend" });
  box.replaceChildren(area, legend);
  const hidden = new Set<string>();
  let chart: uPlot | undefined;
  let drawnAs = "";
  let last: PanelData | undefined;

  const destroy = (): void => {
    chart?.destroy();
    chart = undefined;
  };

  const draw = (data: PanelData): void => keepFocus(box, () => drawAnew(data));

  const drawAnew = (data: PanelData): void => {
    last = data;
    const all = linesOf(data);
    const stacked = isStacked(panel);
    // A hidden line of a stack leaves the sum; elsewhere it only is not drawn.
    const lines = stacked ? all.filter(({ frame }) => !hidden.has(frame.name)) : all;
    drawLegend(all);
    // The legend takes its height first; the chart has what is left.
    const width = Math.floor(area.clientWidth);
    const height = Math.floor(area.clientHeight);
    if (width < 40 || height < 40) return;
    const names = lines.map(({ frame }) => frame.name);
    const shape = JSON.stringify([theme(), data.from, data.to, width, height, names, data.marks, data.exemplars]);
    if (chart !== undefined && shape === drawnAs) {
      chart.setData(columns(panel, lines));
      return;
    }
    const cursor = chart === undefined ? undefined : { left: chart.cursor.left ?? -10, top: chart.cursor.top ?? -10 };
    destroy();
    const { from, to, exemplars, marks = [] } = data;
    chart = makeChart(area, { panel, lines, marks, exemplars, from, to, width, height, context });
    if (!stacked)
      for (const [index, { frame }] of lines.entries())
        if (hidden.has(frame.name)) chart.setSeries(index + 1, { show: false });
    if (cursor !== undefined && cursor.left >= 0) chart.setCursor(cursor);
    drawnAs = shape;
  };

  const drawLegend = (lines: readonly Line[]): void => {
    if (!option(panel, "legend.showLegend", true)) return;
    const calculations = (panel.options?.legend as { calcs?: readonly string[] } | undefined)?.calcs ?? [];
    const items = lines.map(({ frame, tint }) => {
      const mark = el("span", { class: "mark" });
      mark.style.background = tint;
      const off = hidden.has(frame.name);
      const values = calculations.map((name) =>
        el(
          "span",
          { class: "legend-value" },
          `${calculationTitles[name] ?? name}: ${showText(reduce(frame, name), frame.config.unit, frame.config.decimals)}`,
        ),
      );
      return el(
        "button",
        {
          type: "button",
          class: off ? "legend-item off" : "legend-item",
          "aria-pressed": String(!off),
          title: `${frame.name}: click to show it alone, with Ctrl to hide it`,
          onclick: (event) => {
            const others = lines.map(({ frame: { name } }) => name).filter((name) => name !== frame.name);
            const alone = others.length > 0 && others.every((name) => hidden.has(name)) && !off;
            if ((event as MouseEvent).ctrlKey || (event as MouseEvent).metaKey) {
              if (off) hidden.delete(frame.name);
              else hidden.add(frame.name);
            } else {
              hidden.clear();
              if (!alone) for (const name of others) hidden.add(name);
            }
            drawnAs = "";
            if (last !== undefined) draw(last);
          },
        },
        mark,
        el("span", { class: "legend-name" }, frame.name),
        ...values,
      );
    });
    rove([items]);
    legend.replaceChildren(...items);
  };

  area.addEventListener("keydown", (event) => {
    if (chart === undefined) return;
    if (event.key === "Escape" && (chart.cursor.left ?? -1) >= 0) {
      event.stopPropagation();
      chart.setCursor({ left: -10, top: -10 });
    }
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const times = chart.data[0];
    const from = chart.cursor.idx ?? (step > 0 ? -1 : times.length);
    const next = Math.min(times.length - 1, Math.max(0, from + step));
    chart.setCursor({ left: chart.valToPos(times[next] ?? 0, "x"), top: 8 });
  });
  area.addEventListener("blur", () => chart?.setCursor({ left: -10, top: -10 }));

  return { draw, destroy };
};

/** The frames that lie on the panel's time grid, with their colours. */
function linesOf({ frames }: PanelData): readonly Line[] {
  const grid = frames.find(({ times }) => times.length > 1)?.times.length;
  return frames
    .filter(({ times }) => times.length === grid)
    .toSorted((left, right) => left.name.localeCompare(right.name, "en", { numeric: true }))
    .map((frame, index) => ({
      frame,
      tint: frame.config.color?.mode === "fixed" ? color(frame.config.color.fixedColor) : seriesColor(index),
    }));
}
