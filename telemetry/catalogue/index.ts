// Every metric that the stack knows: one data file per owner, merged. The types of promql.ts follow from this object.
import { backup } from "./backup.ts";
import { cache } from "./cache.ts";
import { demo } from "./demo.ts";
import { exporter } from "./exporter.ts";
import { gateway } from "./gateway.ts";
import { http } from "./http.ts";
import { integrations } from "./integrations.ts";
import { jaeger } from "./jaeger.ts";
import { outgoing } from "./outgoing.ts";
import { postgres } from "./postgres.ts";
import { recorded } from "./recorded.ts";
import { redis } from "./redis.ts";
import { relay } from "./relay.ts";
import type { Row, Rows } from "./row.ts";
import { runtime } from "./runtime.ts";
import { supervisor } from "./supervisor.ts";
import { thirdParty } from "./third-party.ts";
import { tracing } from "./tracing.ts";
import { vitals } from "./vitals.ts";

export const rows = {
  ...integrations,
  ...postgres,
  ...redis,
  ...exporter,
  ...supervisor,
  ...cache,
  ...gateway,
  ...relay,
  ...backup,
  ...runtime,
  ...http,
  ...outgoing,
  ...tracing,
  ...demo,
  ...vitals,
  ...recorded,
  ...thirdParty,
  ...jaeger,
} as const satisfies Rows;

export type MetricName = keyof typeof rows;

export interface SeriesInfo {
  readonly metric: MetricName;
  readonly row: Row;
  /** What PromQL may do with it: the parts of a histogram are counters. */
  readonly kind: "counter" | "gauge";
  /** Its labels, those that scraping adds included. */
  readonly labels: Readonly<Record<string, readonly string[] | "configured">>;
}

const histogramParts = ["_bucket", "_sum", "_count"] as const;

/** The series that a name in a query stands for; undefined when the catalogue has none. */
export function findSeries(name: string): SeriesInfo | undefined {
  const own = rowOf(name);
  if (own !== undefined && own.kind !== "histogram")
    return { metric: name as MetricName, row: own, kind: own.kind, labels: { ...own.labels, ...targetLabels(own) } };
  for (const part of histogramParts) {
    const base = name.slice(0, -part.length);
    const row = name.endsWith(part) ? rowOf(base) : undefined;
    if (row?.kind === "histogram")
      return {
        metric: base as MetricName,
        row,
        kind: "counter",
        labels: { ...row.labels, ...targetLabels(row), ...(part === "_bucket" ? { le: "configured" as const } : {}) },
      };
  }
  return undefined;
}

/** Every name that a query can select. */
export const seriesNames = (): readonly string[] =>
  Object.entries<Row>(rows).flatMap(([name, { kind }]) =>
    kind === "histogram" ? histogramParts.map((part) => name + part) : [name],
  );

const rowOf = (name: string): Row | undefined => (Object.hasOwn(rows, name) ? (rows as Rows)[name] : undefined);

/** What a rule records carries only the labels that its expression left. */
const targetLabels = (row: Row) =>
  row.from === "rules" ? {} : ({ job: "configured", instance: "configured" } as const);
