// House style of tables: one row per set of labels, label columns first, then one value per query.

import type { Value } from "../components/spec.ts";
import type { Json } from "./grafana.ts";
import {
  byName,
  type Colour,
  type Common,
  mapping,
  type PanelSpec,
  panel,
  type States,
  steps,
  type Thresholds,
  type Unit,
} from "./panels.ts";

export interface Column {
  readonly label: string;
  readonly title: string;
}
export interface ValueColumn {
  readonly title: string;
  readonly unit?: Unit;
  readonly decimals?: number;
  readonly states?: States;
  readonly thresholds?: Thresholds;
}

/** One row per set of labels: the columns are labels first, then one value per query, in their order. */
export const table = (
  key: string,
  spec: Omit<Common, "states" | "thresholds"> & {
    readonly columns: readonly Column[];
    /** One per query; a query whose value says nothing is left out with `null`. */
    readonly values: readonly (ValueColumn | null)[];
    readonly sortBy: { readonly column: string; readonly descending?: boolean };
    /** A link on a column; `\${__data.fields.label}` stands for a label of the row. */
    readonly links?: Readonly<Record<string, { readonly title: string; readonly url: Value }>>;
    /** Colours a column's words. */
    readonly words?: Readonly<Record<string, Readonly<Record<string, Colour>>>>;
  },
): PanelSpec => {
  const valueName = (index: number): string =>
    spec.queries.length === 1 ? "Value" : `Value #${String.fromCharCode(65 + index)}`;
  const shown = [
    ...spec.columns.map(({ label, title }) => [label, title] as const),
    ...spec.values.flatMap((value, index) => (value === null ? [] : [[valueName(index), value.title] as const])),
  ];
  const hidden = ["Time", ...spec.values.flatMap((value, index) => (value === null ? [valueName(index)] : []))];
  return panel("table", key, spec, {
    size: [12, 8],
    instant: true,
    color: { mode: "thresholds" },
    options: {
      showHeader: true,
      cellHeight: "sm",
      sortBy: [{ displayName: spec.sortBy.column, desc: spec.sortBy.descending ?? false }],
    },
    custom: { align: "auto", inspect: false, filterable: false },
    overrides: [
      ...spec.values.flatMap((value) =>
        value === null
          ? []
          : [
              byName(value.title, {
                ...(value.unit === undefined ? {} : { unit: value.unit }),
                ...(value.decimals === undefined ? {} : { decimals: value.decimals }),
                ...(value.states === undefined ? {} : { mappings: [mapping(value.states)] }),
                ...(value.thresholds === undefined ? {} : { thresholds: steps(value.thresholds) }),
                ...(value.states === undefined && value.thresholds === undefined
                  ? {}
                  : { "custom.cellOptions": { type: "color-text" } }),
              }),
            ],
      ),
      ...Object.entries(spec.words ?? {}).map(([column, words]) =>
        byName(column, {
          mappings: [{ type: "value", options: mapEntries(words, (text, color) => [text, { text, color }]) }],
          "custom.cellOptions": { type: "color-text" },
        }),
      ),
      ...Object.entries(spec.links ?? {}).map(([column, { title, url }]) =>
        // A reference to a port stands here until the place is known.
        byName(column, { links: [{ title, url: url as Json }] }),
      ),
    ],
    transformations: [
      ...(spec.queries.length > 1 ? [{ id: "merge", options: {} }] : []),
      {
        id: "organize",
        options: {
          excludeByName: Object.fromEntries(hidden.map((name) => [name, true])),
          indexByName: Object.fromEntries(shown.map(([name], index) => [name, index])),
          renameByName: Object.fromEntries(shown),
          includeByName: Object.fromEntries(shown.map(([name]) => [name, true])),
        },
      },
    ],
  });
};

const mapEntries = <V, W>(
  record: Readonly<Record<string, V>>,
  each: (key: string, value: V) => readonly [string, W],
): Record<string, W> => Object.fromEntries(Object.entries(record).map(([key, value]) => each(key, value)));
