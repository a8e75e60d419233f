// Grafana's dashboard schema as plain data: the SDK's types without its builders, whose import costs a preview 110 ms.
import type * as bargauge from "@grafana/grafana-foundation-sdk/bargauge";
import type * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import type * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import type * as stat from "@grafana/grafana-foundation-sdk/stat";
import type * as statetimeline from "@grafana/grafana-foundation-sdk/statetimeline";
import type * as table from "@grafana/grafana-foundation-sdk/table";
import type * as text from "@grafana/grafana-foundation-sdk/text";
import type * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The same data with enums as the values that they stand for, and without methods. */
export type Plain<T> = 0 extends 1 & T
  ? Json
  : T extends string
    ? `${T}`
    : T extends number
      ? `${T}` extends `${infer N extends number}`
        ? N
        : T
      : T extends boolean | null | undefined
        ? T
        : T extends readonly (infer Item)[]
          ? readonly Plain<Item>[]
          : T extends object
            ? { readonly [K in keyof T as T[K] extends (...args: never[]) => unknown ? never : K]: Plain<T[K]> }
            : T;

/** What a panel of each type may say; what it leaves out takes Grafana's default. */
export interface PanelTypes {
  readonly stat: { readonly options: Partial<Plain<stat.Options>>; readonly custom: Record<string, never> };
  readonly timeseries: {
    readonly options: Partial<Plain<timeseries.Options>>;
    readonly custom: Plain<timeseries.FieldConfig>;
  };
  readonly table: {
    readonly options: Partial<Plain<table.Options>>;
    readonly custom: Partial<Plain<table.FieldConfig>>;
  };
  readonly "state-timeline": {
    readonly options: Partial<Plain<statetimeline.Options>>;
    readonly custom: Plain<statetimeline.FieldConfig>;
  };
  readonly bargauge: { readonly options: Partial<Plain<bargauge.Options>>; readonly custom: Record<string, never> };
  readonly text: { readonly options: Partial<Plain<text.Options>>; readonly custom: Record<string, never> };
}
export type PanelType = keyof PanelTypes;

export type Target = Plain<prometheus.Dataquery>;
export type FieldConfig = Omit<Plain<dashboard.FieldConfig>, "custom">;
export type Mapping = Plain<dashboard.ValueMapping>;
export type Override = Plain<dashboard.FieldConfigSource>["overrides"][number];
export type Transformation = Plain<dashboard.DataTransformerConfig>;
export type Variable = Plain<dashboard.VariableModel>;
export type Annotation = Plain<dashboard.AnnotationQuery>;
export type Panel = Plain<dashboard.Panel>;
export type Row = Plain<dashboard.RowPanel>;
export type Dashboard = Plain<dashboard.Dashboard>;
