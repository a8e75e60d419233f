// What each series was, over time: one track per series, one segment per stretch of the same state.
import { el } from "../dom.ts";
import { display } from "../fields.ts";
import type { Frame } from "../model.ts";
import { color } from "../theme.ts";
import { formatTick, formatTime } from "../time.ts";
import { simple } from "./view.ts";

interface Segment {
  readonly from: number;
  readonly to: number;
  readonly value: number;
}

export const stateTimeline = simple(({ frames, from, to }, _panel, { zone }, box) => {
  const place = (at: number): number => Math.min(100, Math.max(0, ((at - from) / (to - from)) * 100));
  const states = new Map<string, string>();
  const rows = frames
    .toSorted((left, right) => left.name.localeCompare(right.name, "en", { numeric: true }))
    .map((frame) => {
      const segments = segmentsOf(frame);
      const track = el("div", { class: "track" });
      for (const { from: start, to: end, value } of segments) {
        const shown = display(value, frame.config);
        const tint = color(shown.color);
        const text = shown.text + shown.suffix;
        states.set(text, tint);
        const part = el("span", {
          class: "segment",
          title: `${frame.name}: ${text}\n${formatTime(start, zone)} to ${formatTime(end, zone)}`,
        });
        part.style.left = `${place(start).toFixed(3)}%`;
        part.style.width = `${Math.max(0.15, place(end) - place(start)).toFixed(3)}%`;
        part.style.background = tint;
        track.append(part);
      }
      const last = segments.at(-1);
      const now = last === undefined ? "unknown" : display(last.value, frame.config).text;
      return el(
        "div",
        { class: "timeline-row", role: "group", "aria-label": `${frame.name}: ${now}` },
        el("span", { class: "timeline-name", title: frame.name }, frame.name),
        track,
      );
    });
  const spacing = tickSpacing(to - from, box.clientWidth);
  const axis = el("div", { class: "timeline-axis", "aria-hidden": "true" });
  for (let at = Math.ceil(from / spacing) * spacing; at < to; at += spacing) {
    if (place(at) < 4 || place(at) > 96) continue;
    const tick = el("span", {}, formatTick(at, spacing, zone));
    tick.style.left = `${place(at).toFixed(3)}%`;
    axis.append(tick);
  }
  const legend = [...states].map(([text, tint]) => {
    const mark = el("span", { class: "mark" });
    mark.style.background = tint;
    return el("span", { class: "legend-item" }, mark, text);
  });
  return [
    el("div", { class: "timeline", tabindex: 0 }, ...rows),
    el("div", { class: "timeline-row" }, el("span", { class: "timeline-name" }), axis),
    el("div", { class: "legend" }, ...legend),
  ];
});

/** A sample holds until the next one; where samples are missing, so is the segment. */
function segmentsOf({ times, values }: Frame): readonly Segment[] {
  const segments: Segment[] = [];
  const step = (times[1] ?? 0) - (times[0] ?? 0);
  for (const [index, value] of values.entries()) {
    const at = times[index];
    if (value === null || at === undefined) continue;
    const last = segments.at(-1);
    if (last !== undefined && last.value === value && at - last.to < step * 0.5)
      segments[segments.length - 1] = { ...last, to: at + step };
    else segments.push({ from: at, to: at + step, value });
  }
  return segments;
}

function tickSpacing(span: number, width: number): number {
  const steps = [15, 30, 60, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800];
  const wanted = span / Math.max(2, width / 110);
  return steps.find((step) => step >= wanted) ?? 2_592_000;
}
