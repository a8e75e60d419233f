// The final map over all dashboards: places, numbers, tags, links, time zone, refresh. No leaf says any of it.
import { type Duration, seconds } from "../components/units.ts";
import { recordedRates } from "../telemetry/catalogue/recorded.ts";
import type { Expr } from "../telemetry/promql.ts";
import type { Annotation, Dashboard, Panel, Row, Target } from "./grafana.ts";
import { dashboardPath, dashboardUid, panelId } from "./link.ts";
import {
  type AnnotationSpec,
  type DashboardInput,
  type DashboardLeaf,
  gridWidth,
  type PanelSpec,
  type RowSpec,
} from "./panels.ts";
import { datasource, environmentVariable } from "./variables.ts";

/** What an environment has to show on each dashboard; a row without panels is left out, and so is a dashboard without rows. */
export const shipped = (leaves: readonly DashboardLeaf[], input: DashboardInput): readonly Dashboard[] => {
  const all = leaves
    .map((leaf) => ({ leaf, rows: leaf.rows(input).filter(({ panels }) => panels.length > 0) }))
    .filter(({ rows }) => rows.length > 0);
  const titles: Titles = new Map(all.map(({ leaf: { name, title } }) => [name, title]));
  return all.map(({ leaf, rows }) => finish(leaf, rows, input, titles));
};

/** The stems of the files of the dashboards that there are, and their titles. */
type Titles = ReadonlyMap<string, string>;

function finish(leaf: DashboardLeaf, rows: readonly RowSpec[], input: DashboardInput, titles: Titles): Dashboard {
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
    panels: place(rows, input.config.scrapeInterval, titles, leaf.toldBy?.()),
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
function place(
  rows: readonly RowSpec[],
  interval: Duration,
  titles: Titles,
  toldBy: Expr | undefined,
): readonly (Panel | Row)[] {
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
      const panel = finishPanel({ ...(toldBy === undefined ? {} : { toldBy }), ...spec }, interval, titles);
      placed.push({ ...panel, gridPos: { x, y, w: spec.width, h: spec.height } });
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

function finishPanel(spec: PanelSpec, interval: Duration, titles: Titles): Panel {
  const links = linksOf(spec, titles);
  return {
    id: panelId(spec.key),
    type: spec.type,
    title: spec.title,
    description: spec.description,
    datasource,
    // Nothing is finer than what is scraped; it also tells Grafana how wide a rate's window must be. What is recorded is there each
    // half minute, and every window needs a sample.
    interval: readsRates(spec) && seconds(interval) < seconds(leastForRates) ? leastForRates : interval,
    targets: [...spec.targets, ...told(spec)],
    options: spec.options as NonNullable<Panel["options"]>,
    fieldConfig: {
      // A click on a number leads on; a graph has other uses for a click, and its title leads on instead.
      defaults: links.length > 0 && spec.type === "stat" ? { ...spec.defaults, links } : spec.defaults,
      overrides: spec.overrides,
    },
    ...(spec.over === undefined ? {} : { timeFrom: spec.over }),
    ...(links.length > 0 && spec.type !== "stat" ? { links } : {}),
    ...(spec.transformations.length > 0 ? { transformations: spec.transformations } : {}),
  };
}

/** A query that is not drawn: the viewer and `verify` ask it of a panel without data, before they say that all is well. */
const told = ({ defaults, toldBy }: PanelSpec): readonly Target[] =>
  defaults.noValue === undefined || toldBy === undefined
    ? []
    : [{ refId: "Told", datasource, editorMode: "code", expr: toldBy.text, range: false, instant: true, hide: true }];

/** One link at most: to the first dashboard of those that explain it and that there is. */
const linksOf = ({ to = [] }: PanelSpec, titles: Titles): NonNullable<Panel["links"]> =>
  to
    .filter((name) => titles.has(name))
    .slice(0, 1)
    .map((name) => ({
      title: `Open ${titles.get(name)}`,
      type: "link",
      icon: "external link",
      tooltip: "",
      url: dashboardPath(name),
      tags: [],
      asDropdown: false,
      targetBlank: false,
      includeVars: false,
      keepTime: false,
    }));
