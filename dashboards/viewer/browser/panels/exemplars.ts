// Points over a chart: single measurements, each a link to its trace.
import type uPlot from "uplot";
import { el } from "../dom.ts";
import { rove } from "../focus.ts";
import type { Exemplar } from "../model.ts";
import { formatTime } from "../time.ts";
import { showText } from "../units.ts";

/** More would hide the lines; the largest say most. */
const most = 60;
const half = 4;

/** Draws them over the chart, and again whenever its scales have changed. */
export function exemplarPoints(
  exemplars: readonly Exemplar[],
  how: { readonly unit?: string | undefined; readonly zone: string },
): (plot: uPlot) => void {
  const points = exemplars
    .toSorted((left, right) => right.value - left.value)
    .slice(0, most)
    .toSorted((left, right) => left.at - right.at)
    .map((exemplar) => ({ exemplar, link: linkOf(exemplar, how) }));
  rove([points.map(({ link }) => link)]);
  return (plot) => {
    const { clientWidth, clientHeight } = plot.over;
    for (const { exemplar, link } of points) {
      const left = plot.valToPos(exemplar.at, "x");
      link.hidden = left < 0 || left > clientWidth;
      link.style.left = `${left - half}px`;
      // One that is above the scale stays at its edge.
      const top = Math.min(clientHeight, Math.max(0, plot.valToPos(exemplar.value, "y")));
      link.style.top = `${top - half}px`;
      if (link.parentElement !== plot.over) plot.over.append(link);
    }
  };
}

function linkOf({ at, value, traceId, labels }: Exemplar, how: Parameters<typeof exemplarPoints>[1]): HTMLElement {
  const what = ["method", "route", "integration", "service_name", "span_name"].flatMap((name) => labels[name] ?? []);
  return el("a", {
    class: "exemplar",
    href: `/trace/${traceId}`,
    target: "_blank",
    rel: "noreferrer",
    title: `${[showText(value, how.unit), ...what].join(" ")} at ${formatTime(at, how.zone)}: open its trace`,
    "aria-label": `Trace of ${[showText(value, how.unit), ...what].join(" ")}`,
    // A press on it is no beginning of a zoom.
    onmousedown: (event) => event.stopPropagation(),
  });
}
