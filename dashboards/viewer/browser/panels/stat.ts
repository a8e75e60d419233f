// Large numbers, one per series, with a small graph behind them when there is a history.
import { el, svg } from "../dom.ts";
import { display, reduce } from "../fields.ts";
import type { Frame } from "../model.ts";
import { color, faded } from "../theme.ts";
import { calculationOf, option, simple, valueBox } from "./view.ts";

export const stat = simple(({ frames }, panel, context) => {
  const calculation = calculationOf(panel);
  const mode = option(panel, "colorMode", "value");
  const graph = option(panel, "graphMode", "none") === "area";
  const values = frames.map((frame) => {
    const value = reduce(frame, calculation);
    const shown = display(value, frame.config);
    const tint = color(shown.color);
    const text = el(
      "span",
      { class: "stat-value" },
      shown.text,
      shown.suffix === "" ? undefined : el("span", { class: "stat-suffix" }, shown.suffix),
    );
    const box = valueBox(
      graph ? "stat with-graph" : "stat",
      { frame, value, text: shown.text + shown.suffix },
      context,
      graph ? sparkline(frame, tint) : undefined,
      frames.length > 1 ? el("span", { class: "stat-name", title: frame.name }, frame.name) : undefined,
      text,
    );
    // A long text needs a smaller size than the height of its box would allow.
    box.style.setProperty("--letters", String(Math.max(3, shown.text.length + shown.suffix.length * 0.6)));
    if (mode.startsWith("background")) {
      box.style.background = tint;
      box.style.color = color("panel");
    } else if (mode === "value") text.style.color = tint;
    return box;
  });
  return [el("div", { class: "stats" }, ...values)];
});

function sparkline({ times, values }: Frame, tint: string): SVGElement | undefined {
  const first = times[0];
  const last = times.at(-1);
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value));
  if (first === undefined || last === undefined || known.length < 2) return undefined;
  const low = Math.min(...known);
  const span = Math.max(...known) - low;
  let path = "";
  let area = "";
  let start: string | undefined;
  for (const [index, value] of values.entries()) {
    const x = ((((times[index] ?? first) - first) / (last - first)) * 100).toFixed(2);
    if (value === null) {
      if (start !== undefined) area += `L${previousX(times, index, first, last)},40L${start},40Z`;
      start = undefined;
      continue;
    }
    const y = (span === 0 ? 24 : 36 - ((value - low) / span) * 30).toFixed(2);
    path += `${start === undefined ? "M" : "L"}${x},${y}`;
    area += `${start === undefined ? "M" : "L"}${x},${y}`;
    start ??= x;
  }
  if (start !== undefined) area += `L100,40L${start},40Z`;
  return svg(
    "svg",
    { class: "spark", viewBox: "0 0 100 40", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { d: area, fill: faded(tint, 0.14), stroke: "none" }),
    svg("path", { d: path, fill: "none", stroke: faded(tint, 0.75), "vector-effect": "non-scaling-stroke" }),
  );
}

const previousX = (times: readonly number[], index: number, first: number, last: number): string =>
  ((((times[index - 1] ?? first) - first) / (last - first)) * 100).toFixed(2);
