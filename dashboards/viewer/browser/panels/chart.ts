// A time series chart on uPlot: axes, thresholds, stacking, and a tooltip that follows the cursor of every chart.
import uPlot from "uplot";
import { el } from "../dom.ts";
import { thresholdsOf } from "../fields.ts";
import type { Exemplar, Frame, Mark, Panel } from "../model.ts";
import { color, faded } from "../theme.ts";
import { formatTick, formatTime } from "../time.ts";
import { showText } from "../units.ts";
import { exemplarPoints } from "./exemplars.ts";
import { makeTooltip, tooltipRow } from "./tooltip.ts";
import { option, type ViewContext } from "./view.ts";

export interface Line {
  readonly frame: Frame;
  readonly tint: string;
}

export interface ChartOptions {
  readonly panel: Panel;
  readonly lines: readonly Line[];
  readonly marks: readonly Mark[];
  readonly exemplars: readonly Exemplar[];
  readonly from: number;
  readonly to: number;
  readonly width: number;
  readonly height: number;
  readonly context: ViewContext;
}

type Custom = Readonly<Record<string, unknown>>;
const number = (value: unknown, fallback: number): number => (typeof value === "number" ? value : fallback);

export const customOf = (panel: Panel): Custom => panel.fieldConfig?.defaults.custom ?? {};
export const isStacked = (panel: Panel): boolean =>
  (customOf(panel).stacking as { mode?: string } | undefined)?.mode === "normal";

/** The columns that uPlot draws: sums from the bottom up when stacked. A missing value keeps its stack's height. */
export function columns(panel: Panel, lines: readonly Line[]): uPlot.AlignedData {
  const times = [...(lines[0]?.frame.times ?? [])];
  const own = lines.map(({ frame }) => [...frame.values]);
  if (!isStacked(panel)) return [times, ...own];
  const height = times.map(() => 0);
  const stacked = own.map((values) =>
    values.map((value, index) => {
      height[index] = (height[index] ?? 0) + (value ?? 0);
      return value === null ? null : (height[index] ?? null);
    }),
  );
  return [times, ...stacked];
}

/** Draws a chart into a box. */
export function makeChart(box: HTMLElement, options: ChartOptions): uPlot {
  const { panel, lines, width, height, context } = options;
  const custom = customOf(panel);
  const stacked = isStacked(panel);
  const defaults = panel.fieldConfig?.defaults ?? {};
  const opacity = number(custom.fillOpacity, 0) / 100;
  const thresholdMode = (custom.thresholdsStyle as { mode?: string } | undefined)?.mode ?? "off";
  const font = `11px system-ui, sans-serif`;
  const axis = {
    stroke: color("axis"),
    font,
    grid: { stroke: color("grid"), width: 1 },
    ticks: { stroke: color("grid"), width: 1, size: 4 },
  } as const;
  const tooltip = chartTooltip(options);
  const points = exemplarPoints(options.exemplars, { unit: defaults.unit, zone: context.zone });
  return new uPlot(
    {
      width,
      height,
      padding: [8, 10, 0, 4],
      legend: { show: false },
      ...(context.zone === "utc" ? { tzDate: (at: number) => uPlot.tzDate(new Date(at * 1_000), "UTC") } : {}),
      cursor: {
        sync: { key: "vitals", setSeries: false },
        drag: { x: true, y: false, setScale: false },
        focus: { prox: 24 },
        points: { size: 6 },
      },
      focus: { alpha: 0.45 },
      scales: {
        x: { time: true, range: () => [options.from, options.to] },
        y: { range: (_, low, high) => yRange(low, high, defaults.min, defaults.max, custom, thresholdsShown(panel)) },
      },
      axes: [
        {
          ...axis,
          space: 70,
          size: 26,
          gap: 3,
          values: (_, splits, __, ___, spacing) => splits.map((at) => formatTick(at, spacing, context.zone)),
        },
        {
          ...axis,
          space: 28,
          gap: 4,
          ...(defaults.unit === "bytes" ? { incrs: binarySteps } : {}),
          size: (_, values) => 18 + Math.max(3, ...(values ?? []).map((text) => text.length)) * 6.2,
          values: (_, splits) => splits.map((value) => showText(value, defaults.unit)),
        },
      ],
      bands: stacked ? lines.slice(1).map((_, index) => ({ series: [index + 2, index + 1] as [number, number] })) : [],
      series: [
        {},
        ...lines.map(({ frame, tint }) => {
          const own = { ...custom, ...frame.config.custom };
          return {
            label: frame.name,
            stroke: tint,
            width: number(own.lineWidth, 1) * 1.4,
            ...(opacity > 0 ? { fill: faded(tint, opacity) } : {}),
            spanGaps: own.spanNulls === true,
            ...(own.lineInterpolation === "stepAfter" && uPlot.paths.stepped
              ? { paths: uPlot.paths.stepped({ align: 1 }) }
              : {}),
            // A value between two gaps has no line: it is drawn as a point, else it could not be seen.
            points: { show: true, size: 4, fill: tint, filter: (_: uPlot, at: number) => lonely(options, at - 1) },
          } satisfies uPlot.Series;
        }),
      ],
      hooks: {
        setSelect: [
          (plot) => {
            if (plot.select.width < 8) return;
            const left = plot.posToVal(plot.select.left, "x");
            const right = plot.posToVal(plot.select.left + plot.select.width, "x");
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            context.zoom(left, right);
          },
        ],
        setCursor: [tooltip.move],
        destroy: [tooltip.destroy],
        drawAxes: [(plot) => drawMarks(plot, options.marks)],
        draw: [(plot) => drawThresholds(plot, panel, thresholdMode), points],
      },
    },
    columns(panel, lines),
    box,
  );
}

const binarySteps = Array.from({ length: 50 }, (_, power) => 2 ** power);

const thresholdsShown = (panel: Panel): readonly number[] =>
  ((customOf(panel).thresholdsStyle as { mode?: string } | undefined)?.mode ?? "off") === "off"
    ? []
    : thresholdsOf(panel.fieldConfig?.defaults ?? {}).flatMap(({ value }) => (value === null ? [] : [value]));

function yRange(
  low: number | null,
  high: number | null,
  min: number | undefined,
  max: number | undefined,
  custom: Custom,
  marks: readonly number[],
): [number, number] {
  const softMin = typeof custom.axisSoftMin === "number" ? custom.axisSoftMin : undefined;
  const least = Math.min(low ?? 0, softMin ?? low ?? 0);
  const most = Math.max(high ?? 0, ...marks);
  const bottom = min ?? least;
  if (max !== undefined) return [bottom, max];
  if (most <= bottom) return [bottom, bottom + (bottom === 0 ? 1 : Math.abs(bottom) * 0.2)];
  return [bottom, most + (most - bottom) * 0.08];
}

function lonely({ lines }: ChartOptions, at: number): number[] {
  const values = lines[at]?.frame.values ?? [];
  return values.flatMap((value, index) =>
    value !== null && (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null ? [index] : [],
  );
}

/** Behind the lines: a tint over the stretch, and an edge where it begins. */
function drawMarks(plot: uPlot, marks: readonly Mark[]): void {
  const { ctx, bbox } = plot;
  const place = (at: number): number =>
    Math.min(bbox.left + bbox.width, Math.max(bbox.left, plot.valToPos(at, "x", true)));
  ctx.save();
  for (const { from, to, color: name } of marks) {
    const [left, right] = [place(from), place(to)];
    ctx.fillStyle = faded(color(name), 0.12);
    ctx.fillRect(left, bbox.top, Math.max(devicePixelRatio, right - left), bbox.height);
    ctx.fillStyle = faded(color(name), 0.7);
    ctx.fillRect(left, bbox.top, devicePixelRatio, bbox.height);
  }
  ctx.restore();
}

function drawThresholds(plot: uPlot, panel: Panel, mode: string): void {
  if (mode === "off") return;
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  if (mode.startsWith("dashed")) ctx.setLineDash([6 * devicePixelRatio, 5 * devicePixelRatio]);
  for (const { value, color: name } of thresholdsOf(panel.fieldConfig?.defaults ?? {})) {
    if (value === null) continue;
    const y = plot.valToPos(value, "y", true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.strokeStyle = color(name);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}

const tooltipRows = 14;

/** All values at the cursor, the largest first; only the chart under the pointer shows one. */
function chartTooltip({ panel, lines, marks, context }: ChartOptions): {
  move: (plot: uPlot) => void;
  destroy: () => void;
} {
  const tooltip = makeTooltip(true);
  const single = option(panel, "tooltip.mode", "multi") === "single";
  return {
    destroy: tooltip.hide,
    move: (plot) => {
      const { idx, left = -1, top = -1 } = plot.cursor;
      const active =
        left >= 0 && top >= 0 && (plot.over.matches(":hover") || plot.root.parentElement?.matches(":focus") === true);
      const at = idx === null || idx === undefined ? undefined : plot.data[0][idx];
      if (!active || at === undefined || idx === null || idx === undefined) return tooltip.hide();
      const focused = plot.series.findIndex(
        (series, index) => index > 0 && (series as { _focus?: boolean })._focus === true,
      );
      const shown = lines
        .map((line, index) => ({ ...line, value: line.frame.values[idx] ?? null, focused: index + 1 === focused }))
        .filter(
          ({ value, focused: near }, index) =>
            value !== null && plot.series[index + 1]?.show !== false && (!single || near),
        )
        .toSorted((a, b) => (b.value ?? 0) - (a.value ?? 0));
      const rows = shown
        .slice(0, tooltipRows)
        .map(({ frame, tint, value, focused: near }) =>
          tooltipRow(tint, frame.name, showText(value, frame.config.unit, frame.config.decimals), near),
        );
      const under = marks.filter(({ from, to }) => at >= from && at <= to);
      const more = shown.length - rows.length;
      const area = plot.over.getBoundingClientRect();
      tooltip.show(
        area.left + left,
        area.top + top,
        el("div", { class: "tooltip-time" }, formatTime(at, context.zone)),
        ...rows,
        ...under.map(({ title, color: name }) => {
          const line = el("div", { class: "tooltip-mark" }, title);
          line.style.borderColor = color(name);
          return line;
        }),
        ...(more > 0 ? [el("div", { class: "tooltip-more" }, `and ${more} more`)] : []),
      );
    },
  };
}
