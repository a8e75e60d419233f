// The final map over all dashboards: places, numbers, tags, links, time zone, refresh. No leaf says any of it.
import { type Duration, seconds } from "../components/units.ts";
import { recordedRates } from "../telemetry/catalogue/recorded.ts";
import type { Annotation, Dashboard, Panel, Row } from "./grafana.ts";
import { dashboardUid, panelId } from "./link.ts";
import {
  type AnnotationSpec,
  type DashboardInput,
  type DashboardLeaf,
  datasource,
  environmentVariable,
  type PanelSpec,
  type RowSpec,
} from "./panels.ts";

const gridWidth = 24;

/** A leaf as Grafana's JSON; undefined when this environment has nothing to show on it. */
export function finish(leaf: DashboardLeaf, input: DashboardInput): Dashboard | undefined {
  const rows = leaf.rows(input).filter(({ panels }) => panels.length > 0);
  if (rows.length === 0) return undefined;
  return {
    uid: dashboardUid(leaf.name),
    title: leaf.title,
    description: leaf.description,
    tags: ["vitals", input.config.environment],
    timezone: "browser",
    editable: false,
    graphTooltip: 1,
    fiscalYearStartMonth: 0,
    schemaVersion: 39,
    time: { from: leaf.opensAt ?? "now-1h", to: "now" },
    timepicker: { refresh_intervals: ["5s", "15s", "30s", "1m", "5m", "15m"] },
    refresh: "15s",
    templating: { list: [environmentVariable, ...(leaf.variables?.(input) ?? [])] },
    annotations: { list: leaf.annotations?.().map(annotation) ?? [] },
    links: [
      {
        title: "Dashboards",
        type: "dashboards",
        tags: ["vitals"],
        icon: "external link",
        tooltip: "The other dashboards of this stack",
        asDropdown: true,
        targetBlank: false,
        includeVars: false,
        keepTime: true,
      },
    ],
    panels: place(rows, input.config.scrapeInterval),
  };
}

const annotation = ({ name, colour, query: { expr, legend } }: AnnotationSpec): Annotation => ({
  name,
  datasource,
  enable: true,
  iconColor: colour,
  // Here, and beside the query: Grafana has moved the expression from one to the other, and reads both.
  expr,
  target: { refId: "Anno", datasource, expr },
  titleFormat: legend,
});

/** Lays panels out from left to right and top to bottom, each row below the one before. */
function place(rows: readonly RowSpec[], interval: Duration): readonly (Panel | Row)[] {
  const placed: (Panel | Row)[] = [];
  let y = 0;
  for (const { title, panels } of rows) {
    if (title !== undefined) {
      placed.push({
        id: panelId(`row ${title}`),
        type: "row",
        title,
        collapsed: false,
        gridPos: { x: 0, y, w: gridWidth, h: 1 },
        panels: [],
      });
      y += 1;
    }
    let x = 0;
    let lineHeight = 0;
    for (const spec of panels) {
      if (x + spec.width > gridWidth) {
        y += lineHeight;
        x = 0;
        lineHeight = 0;
      }
      placed.push(finishPanel(spec, x, y, interval));
      x += spec.width;
      lineHeight = Math.max(lineHeight, spec.height);
    }
    y += lineHeight;
  }
  return placed;
}

/** A window is at least four times as wide. */
const leastForRates: Duration = "15s";
const readsRates = ({ targets }: PanelSpec): boolean =>
  targets.some(({ expr = "" }) => Object.keys(recordedRates).some((name) => expr.includes(name)));

const finishPanel = (spec: PanelSpec, x: number, y: number, interval: Duration): Panel => ({
  id: panelId(spec.key),
  type: spec.type,
  title: spec.title,
  description: spec.description,
  datasource,
  gridPos: { x, y, w: spec.width, h: spec.height },
  // Nothing is finer than what is scraped; it also tells Grafana how wide a rate's window must be. What is recorded is there each
  // half minute, and every window needs a sample.
  interval: readsRates(spec) && seconds(interval) < seconds(leastForRates) ? leastForRates : interval,
  targets: spec.targets,
  options: spec.options as NonNullable<Panel["options"]>,
  fieldConfig: { defaults: spec.defaults, overrides: spec.overrides },
  ...(spec.transformations.length > 0 ? { transformations: spec.transformations } : {}),
});
