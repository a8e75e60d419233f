// Bars and arcs: a value between its least and its most.
import { el, svg } from "../dom.ts";
import { display, reduce } from "../fields.ts";
import type { Frame } from "../model.ts";
import { color } from "../theme.ts";
import { calculationOf, simple, valueBox } from "./view.ts";

interface Measured {
  readonly frame: Frame;
  readonly value: number | null;
  /** 0 to 1. */
  readonly share: number;
}

/** Without a configured maximum the largest value fills its bar. */
function measure(frames: readonly Frame[], calculation: string): readonly Measured[] {
  const values = frames.map((frame) => reduce(frame, calculation));
  const largest = Math.max(0, ...values.map((value) => value ?? 0));
  return frames.map((frame, index) => {
    const value = values[index] ?? null;
    const { min = 0, max = frame.config.unit === "percentunit" ? 1 : frame.config.unit === "percent" ? 100 : largest } =
      frame.config;
    const share = value === null || max <= min ? 0 : (value - min) / (max - min);
    return { frame, value, share: Math.min(1, Math.max(0, share)) };
  });
}

export const bargauge = simple(({ frames }, panel, context) => {
  const bars = measure(frames, calculationOf(panel)).map(({ frame, value, share }) => {
    const shown = display(value, frame.config);
    const fill = el("span", { class: "bar-fill" });
    fill.style.width = `${(share * 100).toFixed(2)}%`;
    fill.style.background = color(shown.color, "blue");
    const text = shown.text + shown.suffix;
    return valueBox(
      "bar",
      { frame, value, text },
      context,
      el("span", { class: "bar-name", title: frame.name }, frame.name),
      el("span", { class: "bar-track" }, fill),
      el("span", { class: "bar-value" }, text),
    );
  });
  return [el("div", { class: "bars" }, ...bars)];
});

export const gauge = simple(({ frames }, panel, context) => [
  el(
    "div",
    { class: "gauges" },
    ...measure(frames, calculationOf(panel)).map(({ frame, value, share }) => {
      const shown = display(value, frame.config);
      const text = shown.text + shown.suffix;
      return valueBox(
        "gauge",
        { frame, value, text },
        context,
        svg(
          "svg",
          { viewBox: "0 0 100 62", "aria-hidden": "true" },
          svg("path", { d: arc(1), class: "gauge-track" }),
          svg("path", { d: arc(Math.max(share, 0.002)), class: "gauge-fill", stroke: color(shown.color, "blue") }),
          svg("text", { x: 50, y: 50, class: "gauge-text", fill: color(shown.color) }, text),
        ),
        el("span", { class: "stat-name" }, frame.name),
      );
    }),
  ),
]);

/** A half circle from the left, as far as the share goes. */
function arc(share: number): string {
  const angle = Math.PI * (1 - share);
  return `M8,54A42,42 0 0 1 ${(50 + 42 * Math.cos(angle)).toFixed(2)},${(54 - 42 * Math.sin(angle)).toFixed(2)}`;
}
