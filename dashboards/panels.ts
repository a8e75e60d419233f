// House style: what every panel of a kind looks like, so that a dashboard says only what is its own.
import type { StackConfig } from "../components/config.ts";
import type { Ref } from "../components/spec.ts";
import type { Duration } from "../components/units.ts";
import type { Expr } from "../telemetry/promql.ts";
import type {
  FieldConfig,
  Json,
  Mapping,
  Override,
  PanelType,
  PanelTypes,
  Target,
  Transformation,
  Variable,
} from "./grafana.ts";
import { datasource } from "./variables.ts";

/** What dashboards are made from. */
export interface DashboardInput {
  readonly config: StackConfig;
  readonly services: readonly ServiceInfo[];
  /** The URL under which the runbook pages are served; without it no panel leads to them. */
  readonly runbooks?: Ref;
}

export interface ServiceInfo {
  readonly name: string;
  readonly owner: string;
  readonly about: string;
  readonly hasMetrics: boolean;
}

/** What an environment has that a dashboard can show. */
export const has = ({ config, services }: DashboardInput) => ({
  redis: services.some(({ name }) => name === "redis") || config.databases.some(({ kind }) => kind === "redis"),
  postgres: config.demo || config.databases.some(({ kind }) => kind === "postgres"),
  integrations: config.demo || config.integrations.length > 0,
  gateway: services.some(({ name }) => name === "gateway"),
  requests: config.demo || config.services.length > 0,
  caches: config.demo || config.gateway !== undefined || config.services.length > 0,
});

/** One dashboard: what a leaf exports. */
export interface DashboardLeaf {
  /** The stem of its file; its uid is `vitals-` and this. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** How far back it opens; default one hour. */
  readonly opensAt?: `now-${string}`;
  readonly variables?: (input: DashboardInput) => readonly Variable[];
  readonly annotations?: () => readonly AnnotationSpec[];
  /**
   * Has a value while somebody would know of what the panels show. Only then a panel without data says what that means; without
   * whoever tells it, nobody knows.
   */
  readonly toldBy?: () => Expr;
  /** What this environment has; a row without panels is left out, and so is a dashboard without rows. */
  readonly rows: (input: DashboardInput) => readonly RowSpec[];
}

/** Stretches of time that every graph marks: those in which the query has a value. */
export interface AnnotationSpec {
  readonly name: string;
  readonly colour: Colour;
  /** The legend says what it was. */
  readonly query: Query;
}

export interface RowSpec {
  readonly title?: string;
  readonly panels: readonly PanelSpec[];
}

/** A panel before its place, its number and its data source are known. */
export interface PanelSpec {
  readonly key: string;
  readonly type: PanelType;
  readonly title: string;
  readonly description: string;
  readonly width: number;
  readonly height: number;
  readonly targets: readonly Target[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly defaults: FieldConfig & { readonly custom?: Json };
  readonly overrides: readonly Override[];
  readonly transformations: readonly Transformation[];
  readonly to?: readonly string[];
  readonly over?: Duration;
  readonly toldBy?: Expr;
}

export type Colour = "green" | "yellow" | "orange" | "red" | "blue" | "purple" | "text";
/** The colour to start with, then the colour from each value on. */
export type Thresholds = readonly [Colour, ...(readonly [from: number, Colour])[]];
/** The ids that our panels use of Grafana's units. */
export type Unit =
  | "none"
  | "short"
  | "percentunit"
  | "s"
  | "bytes"
  | "Bps"
  | "reqps"
  | "ops"
  | "cps"
  | "dtdurations"
  | "dateTimeFromNow";

export interface Common {
  readonly title: string;
  /** One or two sentences: what it shows, and what to do when it looks wrong. */
  readonly description: string;
  readonly unit: Unit;
  readonly decimals?: number;
  readonly min?: number;
  readonly max?: number;
  readonly width?: number;
  readonly height?: number;
  readonly thresholds?: Thresholds;
  readonly states?: States;
  /** The panel may be empty while all is well; this text is then shown. Elsewhere no data is a fault. */
  readonly emptyWhenHealthy?: string;
  /** Has a value while somebody would know, where that is another than the dashboard says. */
  readonly toldBy?: Expr;
  /** The dashboard that explains it, by the stem of its file: the first of these that the environment has. */
  readonly to?: readonly string[];
  /** The time up to now that it always shows, whatever the dashboard shows. */
  readonly over?: Duration;
  readonly queries: readonly Query[];
}

export interface Query {
  readonly expr: string;
  readonly legend: string;
  /** Single measurements are shown beside the line, each with its trace. */
  readonly exemplar?: true;
}

type LabelsIn<T extends string> = T extends `${string}{{${infer L}}}${infer Rest}` ? L | LabelsIn<Rest> : never;

/** A query and the name of its series; a label in the name must be one that the expression keeps. */
export const query = <L extends string, const T extends string>(
  expr: Expr<L>,
  legend: [LabelsIn<T>] extends [L] ? T : never,
): Query => ({ expr: expr.text, legend });

/**
 * Single measurements of a histogram's buckets, each with its trace. A bucket is never below zero: no line is drawn of them. Nor is it
 * read at each step: for thirty days that took longer than all else on a dashboard.
 */
export const exemplars = (buckets: Expr): Query => ({
  expr: `${buckets.text} @ end() < 0`,
  legend: "traces",
  exemplar: true,
});

/** Words and colours for values. */
export type States = Readonly<Record<number, readonly [text: string, Colour]>>;
export const upOrDown: States = { 1: ["Up", "green"], 0: ["Down", "red"] };
export const readyOrNot: States = { 1: ["Ready", "green"], 0: ["Not ready", "red"] };
/** None is good, one is bad. */
export const noneIsGood: Thresholds = ["green", [1, "red"]];

/**
 * One number, or one per series, large. With a history it draws a small graph behind it. Series whose name is among the `plain` are
 * neither good nor bad.
 */
export const stat = (
  key: string,
  spec: Common & { readonly history?: boolean; readonly plain?: readonly string[] },
): PanelSpec =>
  panel("stat", key, spec, {
    size: [4, 4],
    instant: spec.history !== true,
    color: { mode: "thresholds" },
    options: {
      graphMode: spec.history === true ? "area" : "none",
      colorMode: "value",
      justifyMode: "auto",
      textMode: "auto",
      wideLayout: true,
      orientation: "auto",
      percentChangeColorMode: "standard",
      showPercentChange: false,
      // What is not there now is not known, whatever it was a while ago.
      reduceOptions: { calcs: ["last"], fields: "", values: false },
    },
    overrides: (spec.plain ?? []).map((name) => byName(name, { thresholds: steps(["text"]) })),
  });

/** Lines over time. */
export const timeSeries = (
  key: string,
  spec: Common & {
    readonly stacked?: boolean;
    readonly showThresholds?: boolean;
    readonly legendAs?: "list" | "table";
  },
): PanelSpec =>
  panel("timeseries", key, spec, {
    size: [12, 8],
    color: { mode: "palette-classic" },
    options: {
      legend: {
        displayMode: spec.legendAs ?? "list",
        placement: "bottom",
        showLegend: true,
        calcs: spec.legendAs === "table" ? ["mean", "max", "lastNotNull"] : [],
      },
      tooltip: { mode: "multi", sort: "desc", hideZeros: false },
    },
    custom: {
      drawStyle: "line",
      lineInterpolation: "linear",
      lineWidth: 1,
      fillOpacity: spec.stacked === true ? 30 : 8,
      gradientMode: "none",
      showPoints: "never",
      spanNulls: false,
      axisSoftMin: 0,
      stacking: { mode: spec.stacked === true ? "normal" : "none", group: "A" },
      thresholdsStyle: { mode: spec.showThresholds === true ? "dashed" : "off" },
    },
  });

/** What each series was, over time. */
export const stateTimeline = (key: string, spec: Common & { readonly states: States }): PanelSpec =>
  panel("state-timeline", key, spec, {
    size: [12, 8],
    color: { mode: "thresholds" },
    options: {
      showValue: "never",
      rowHeight: 0.8,
      mergeValues: true,
      alignValue: "left",
      legend: { displayMode: "list", placement: "bottom", showLegend: true, calcs: [] },
      tooltip: { mode: "single", sort: "none", hideZeros: false },
    },
    custom: { lineWidth: 0, fillOpacity: 80 },
  });

/** One bar per series. */
export const bars = (key: string, spec: Common): PanelSpec =>
  panel("bargauge", key, spec, {
    size: [8, 8],
    instant: true,
    color: { mode: "thresholds" },
    options: {
      displayMode: "basic",
      orientation: "horizontal",
      valueMode: "text",
      showUnfilled: true,
      namePlacement: "auto",
      sizing: "auto",
      minVizWidth: 8,
      minVizHeight: 16,
      maxVizHeight: 300,
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
    },
  });

interface Look<T extends PanelType> {
  readonly size: readonly [width: number, height: number];
  readonly instant?: boolean;
  readonly color: FieldConfig["color"];
  readonly options: PanelTypes[T]["options"];
  readonly custom?: PanelTypes[T]["custom"];
  readonly overrides?: readonly Override[];
  readonly transformations?: readonly Transformation[];
}

export function panel<T extends PanelType>(type: T, key: string, spec: Common, look: Look<T>): PanelSpec {
  const { title, description, unit, queries } = spec;
  return {
    key,
    type,
    title,
    description,
    width: spec.width ?? look.size[0],
    height: spec.height ?? look.size[1],
    targets: queries.map(({ expr, legend, exemplar }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource,
      editorMode: "code",
      expr,
      legendFormat: legend,
      range: look.instant !== true,
      instant: look.instant === true,
      ...(exemplar === undefined ? {} : { exemplar }),
      ...(type === "table" ? { format: "table" as const } : {}),
    })),
    options: look.options,
    defaults: {
      unit,
      ...(spec.decimals === undefined ? {} : { decimals: spec.decimals }),
      ...(spec.min === undefined ? {} : { min: spec.min }),
      ...(spec.max === undefined ? {} : { max: spec.max }),
      ...(look.color === undefined ? {} : { color: look.color }),
      ...(spec.emptyWhenHealthy === undefined ? {} : { noValue: spec.emptyWhenHealthy }),
      mappings: spec.states === undefined ? [] : [mapping(spec.states)],
      thresholds: steps(spec.thresholds ?? ["text"]),
      ...(look.custom === undefined ? {} : { custom: look.custom as Json }),
    },
    overrides: look.overrides ?? [],
    transformations: look.transformations ?? [],
    ...(spec.to === undefined ? {} : { to: spec.to }),
    ...(spec.over === undefined ? {} : { over: spec.over }),
    ...(spec.toldBy === undefined ? {} : { toldBy: spec.toldBy }),
  };
}

/** Settings of the series or the column of that name. */
export const byName = (name: string, properties: Readonly<Record<string, Json>>): Override => ({
  matcher: { id: "byName", options: name },
  properties: Object.entries(properties).map(([id, value]) => ({ id, value })),
});

/** Widths that fill a line of the grid. */
export const inOneLine = (panels: readonly PanelSpec[]): readonly PanelSpec[] => {
  const edge = (index: number): number => Math.round((index * gridWidth) / panels.length);
  return panels.map((panel, index) => ({ ...panel, width: edge(index + 1) - edge(index) }));
};

export const gridWidth = 24;

export const steps = ([base, ...rest]: Thresholds) =>
  ({
    mode: "absolute",
    steps: [{ value: null, color: base }, ...rest.map(([value, color]) => ({ value, color }))],
  }) as const;

export const mapping = (states: States): Mapping => ({
  type: "value",
  options: Object.fromEntries(
    Object.entries(states).map(([value, [text, color]], index) => [value, { text, color, index }]),
  ),
});
