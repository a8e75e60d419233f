// The part of Grafana's dashboard JSON that the viewer draws; what it does not know it leaves alone.

export interface Threshold {
  readonly value: number | null;
  readonly color: string;
}

export interface Mapping {
  readonly type: "value" | "range" | "regex" | "special";
  readonly options: Readonly<Record<string, unknown>>;
}

export interface Link {
  readonly title: string;
  readonly url?: string;
  readonly type?: string;
  readonly targetBlank?: boolean;
  readonly tooltip?: string;
  /** Of a panel's own link: the page's time range and its variables go with it. */
  readonly keepTime?: boolean;
  readonly includeVars?: boolean;
}

export interface FieldConfig {
  readonly unit?: string;
  readonly decimals?: number;
  readonly min?: number;
  readonly max?: number;
  /** Shown when nothing came; a panel that sets it says that empty is a healthy state. */
  readonly noValue?: string;
  readonly displayName?: string;
  readonly mappings?: readonly Mapping[];
  readonly thresholds?: { readonly mode: string; readonly steps: readonly Threshold[] };
  readonly color?: { readonly mode: string; readonly fixedColor?: string };
  readonly links?: readonly Link[];
  readonly custom?: Readonly<Record<string, unknown>>;
}

export interface Override {
  readonly matcher: { readonly id: string; readonly options?: unknown };
  readonly properties: readonly { readonly id: string; readonly value?: unknown }[];
}

export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat?: string;
  readonly instant?: boolean;
  readonly hide?: boolean;
  readonly interval?: string;
  /** Single measurements are asked for as well. */
  readonly exemplar?: boolean;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title?: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
  readonly options?: Readonly<Record<string, unknown>>;
  readonly fieldConfig?: { readonly defaults: FieldConfig; readonly overrides?: readonly Override[] };
  readonly transformations?: readonly { readonly id: string; readonly options?: Readonly<Record<string, unknown>> }[];
  readonly links?: readonly Link[];
  readonly interval?: string;
  /** The time up to now that it shows, such as "30d", while the page's own range is one up to now. */
  readonly timeFrom?: string;
  /** Rows only. */
  readonly collapsed?: boolean;
  readonly panels?: readonly Panel[];
}

/** A query whose values mark stretches of time in every chart. */
export interface Annotation {
  readonly name: string;
  readonly enable: boolean;
  readonly iconColor: string;
  readonly target?: { readonly refId: string; readonly expr: string };
  readonly titleFormat?: string;
}

export interface VariableOption {
  readonly text: string | readonly string[];
  readonly value: string | readonly string[];
}

export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly label?: string;
  readonly description?: string;
  readonly query?: string | Readonly<Record<string, unknown>>;
  readonly regex?: string;
  readonly multi?: boolean;
  readonly includeAll?: boolean;
  readonly allValue?: string;
  readonly hide?: number;
  readonly current?: VariableOption;
  readonly options?: readonly VariableOption[];
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly timezone?: string;
  readonly time?: { readonly from: string; readonly to: string };
  readonly refresh?: string;
  readonly panels: readonly Panel[];
  readonly annotations?: { readonly list?: readonly Annotation[] };
  readonly templating?: { readonly list?: readonly Variable[] };
}

/** One series of a panel, or one sample when `times` has one entry. */
export interface Frame {
  readonly refId: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since the epoch; the same for all range frames of a panel. */
  readonly times: readonly number[];
  readonly values: readonly (number | null)[];
  readonly config: FieldConfig;
}

/** A stretch of time in which an annotation has a value. */
export interface Mark {
  readonly from: number;
  readonly to: number;
  readonly title: string;
  readonly color: string;
}

/** One measurement of many, with the trace that it was made in. */
export interface Exemplar {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly value: number;
  readonly traceId: string;
  /** Of the series that it stands in. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface PanelData {
  readonly frames: readonly Frame[];
  /** Series that there are, these frames among them; infinite where there are more and nobody knows how many. */
  readonly total: number;
  readonly exemplars: readonly Exemplar[];
  readonly from: number;
  readonly to: number;
  readonly marks?: readonly Mark[];
  /** Nothing came, and nobody would know if there were something: what tells of it is away. */
  readonly untold?: true;
}

/** All panels that can be drawn, those inside collapsed rows included. */
export const panelsOf = (dashboard: Dashboard): readonly Panel[] =>
  dashboard.panels.flatMap((panel) => (panel.type === "row" ? (panel.panels ?? []) : [panel]));
