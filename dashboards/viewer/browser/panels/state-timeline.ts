// What each series was, over time: one track per series, one segment per stretch of the same state.
import { el } from "../dom.ts";
import { display } from "../fields.ts";
import { rove } from "../focus.ts";
import type { Frame, PanelData } from "../model.ts";
import { color } from "../theme.ts";
import { formatTick, formatTime } from "../time.ts";
import { makeTooltip, type Tooltip, tooltipRow } from "./tooltip.ts";
import { type MakeView, simple } from "./view.ts";

interface Segment {
  readonly from: number;
  readonly to: number;
  readonly value: number;
}

export const stateTimeline: MakeView = (box, panel, context) => {
  const tooltip = makeTooltip(false);
  const view = simple((data) => timeline(data, box, panel.title, context.zone, tooltip))(box, panel, context);
  return {
    draw: (data) => {
      // What it belongs to is drawn anew.
      tooltip.hide();
      view.draw(data);
    },
    destroy: () => {
      tooltip.hide();
      view.destroy();
    },
  };
};

function timeline(
  { frames, from, to }: PanelData,
  box: HTMLElement,
  title: string | undefined,
  zone: string,
  tooltip: Tooltip,
): readonly Node[] {
  const place = (at: number): number => Math.min(100, Math.max(0, ((at - from) / (to - from)) * 100));
  const states = new Map<string, string>();
  const parts: HTMLElement[][] = [];
  const rows = frames
    // As in Grafana the panel's queries decide which come first, such as what is down now.
    .toSorted(
      (left, right) =>
        left.refId.localeCompare(right.refId) || left.name.localeCompare(right.name, "en", { numeric: true }),
    )
    .map((frame) => {
      const segments = segmentsOf(frame);
      const track = el("div", { class: "track" });
      const own = segments.map(({ from: start, to: end, value }) => {
        const shown = display(value, frame.config);
        const tint = color(shown.color);
        const text = shown.text + shown.suffix;
        states.set(text, tint);
        const time = `${formatTime(start, zone)} to ${formatTime(end, zone)}`;
        const tell = (): void => {
          const { left, bottom } = part.getBoundingClientRect();
          const when = el("div", { class: "tooltip-time" }, time);
          tooltip.show(left, bottom, when, tooltipRow(tint, frame.name, text));
        };
        const part = el("span", {
          class: "segment",
          role: "img",
          "aria-label": `${frame.name}: ${text}, ${time}`,
          onpointerenter: tell,
          onpointerleave: tooltip.hide,
          onfocus: tell,
          onblur: tooltip.hide,
          onkeydown: (event) => {
            if ((event as KeyboardEvent).key === "Escape") tooltip.hide();
          },
        });
        part.style.left = `${place(start).toFixed(3)}%`;
        part.style.width = `${Math.max(0.15, place(end) - place(start)).toFixed(3)}%`;
        part.style.background = tint;
        return part;
      });
      track.append(...own);
      parts.push(own);
      const last = segments.at(-1);
      const now = last === undefined ? "unknown" : display(last.value, frame.config).text;
      return el(
        "div",
        { class: "timeline-row", role: "group", "aria-label": `${frame.name}: ${now}` },
        el("span", { class: "timeline-name", title: frame.name }, frame.name),
        track,
      );
    });
  rove(parts.filter((own) => own.length > 0));
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
    el("div", { class: "timeline", role: "group", "aria-label": title }, ...rows),
    el("div", { class: "timeline-row" }, el("span", { class: "timeline-name" }), axis),
    el("div", { class: "legend" }, ...legend),
  ];
}

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
