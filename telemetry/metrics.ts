// The one place that knows prom-client: metrics typed by catalogue rows, label values held to their lists, text or OpenMetrics.
import { type Metric, Registry, type RegistryContentType } from "prom-client";
import type { Row, Rows } from "./catalogue/row.ts";
import { labelValue } from "./redact.ts";
import { boundsOf, createSeries, increase, type Labels, linesOf, observe, type Series, type Shown } from "./series.ts";

type ValueOf<Listed> = Listed extends readonly (infer V extends string)[] ? V : string;
/** A row's labels and the values that they may take. */
export type LabelsOf<R extends Row> = { readonly [L in keyof R["labels"]]: ValueOf<R["labels"][L]> };
type NamesOf<R extends Rows, K extends Row["kind"]> = {
  [N in keyof R & string]: K extends R[N]["kind"] ? N : never;
}[keyof R & string];

/** A value read elsewhere, such as a counter that a database keeps. */
export interface Sample {
  readonly metric: string;
  readonly labels: Labels;
  readonly value: number;
}

export interface Metrics<R extends Rows> {
  counter<N extends NamesOf<R, "counter">>(
    name: N,
  ): {
    inc(labels: LabelsOf<R[N]>, by?: number): void;
    /** One series of it, found once: for what is counted in each request. */
    with(labels: LabelsOf<R[N]>): { inc(by?: number): void };
  };
  gauge<N extends NamesOf<R, "gauge">>(
    name: N,
  ): { set(labels: LabelsOf<R[N]>, value: number): void; remove(labels: LabelsOf<R[N]>): void };
  /** `traceId` becomes an exemplar where OpenMetrics is asked for. */
  histogram<N extends NamesOf<R, "histogram">>(
    name: N,
  ): {
    observe(labels: LabelsOf<R[N]>, value: number, traceId?: string): void;
    /** One series of it, found once. */
    with(labels: LabelsOf<R[N]>): { observe(value: number, traceId?: string): void };
  };
  /** Shows the known series at 0: every counter and histogram made so far whose free labels are exactly these. */
  start(labels: Labels): void;
  /** Takes away every series that carries these label values, such as those of a target that has gone. */
  forget(labels: Labels): void;
  /** Values read elsewhere; asked for at every rendering, so what is no longer given vanishes. */
  source(samples: () => readonly Sample[] | Promise<readonly Sample[]>): void;
  /** How many values were left out because of a metric or label that may not be. */
  refused(): number;
  /** `keep` leaves out the series whose labels it refuses. */
  render(
    accept?: string,
    keep?: (labels: Labels) => boolean,
  ): Promise<{ readonly contentType: string; readonly body: string }>;
}

interface Instrument {
  readonly name: string;
  readonly row: Row;
  readonly series: Map<string, Series>;
}

/** The value when it is on the list, else `other`: how a foreign word becomes a label. */
export const oneOf = <const V extends readonly string[]>(values: V, value: unknown): V[number] | "other" =>
  values.includes(value as string) ? (value as V[number]) : "other";

export function createMetrics<const R extends Rows>(rows: R): Metrics<R> {
  const instruments = new Map<string, Instrument>();
  const sources: Parameters<Metrics<R>["source"]>[0][] = [];
  let refused = 0;

  const instrument = (name: string): Instrument => {
    const known = instruments.get(name);
    if (known !== undefined) return known;
    const row = rows[name];
    if (row === undefined) throw new TypeError(`the catalogue has no metric ${name}`);
    const made: Instrument = { name, row, series: new Map() };
    instruments.set(name, made);
    if (Object.keys(row.labels).length === 0) zero(made, {});
    return made;
  };
  /** The labels as they may be shown; undefined counts as a refusal. */
  const admit = (row: Row | undefined, labels: Labels): Labels | undefined => {
    const admitted = row === undefined ? undefined : bounded(row, labels);
    if (admitted === undefined) refused++;
    return admitted;
  };
  /** Undefined when the labels may not be. */
  const find = ({ row, series }: Instrument, labels: Labels): Series | undefined => {
    // What was admitted once is not judged again.
    const seen = series.get(keyOf(row, labels));
    if (seen !== undefined && hasOnly(row, labels)) return seen;
    const admitted = admit(row, labels);
    if (admitted === undefined) return undefined;
    const key = keyOf(row, admitted);
    const found = series.get(key) ?? createSeries(row, admitted);
    series.set(key, found);
    return found;
  };
  /** Finds it again only when it was taken away meanwhile. */
  const keep = (made: Instrument, labels: Labels): (() => Series | undefined) => {
    let kept = find(made, labels);
    return () => {
      if (kept?.gone) kept = find(made, labels);
      return kept;
    };
  };

  return {
    counter: (name) => {
      const made = instrument(name);
      const inc = (series: Series | undefined, by = 1) => series && increase(series, by);
      return {
        inc: (labels, by) => inc(find(made, labels as Labels), by),
        with: (labels) => {
          const kept = keep(made, labels as Labels);
          return { inc: (by) => inc(kept(), by) };
        },
      };
    },
    gauge: (name) => {
      const made = instrument(name);
      return {
        set: (labels, value) => {
          const series = find(made, labels as Labels);
          if (series !== undefined) series.value = value;
        },
        remove: (labels) => drop(made, labels as Labels),
      };
    },
    histogram: (name) => {
      const made = instrument(name);
      const bounds = boundsOf(made.row);
      return {
        observe: (labels, value, traceId) => {
          const series = find(made, labels as Labels);
          if (series !== undefined) observe(series, bounds, value, traceId);
        },
        with: (labels) => {
          const kept = keep(made, labels as Labels);
          return {
            observe: (value, traceId) => {
              const series = kept();
              if (series !== undefined) observe(series, bounds, value, traceId);
            },
          };
        },
      };
    },
    start: (labels) => {
      for (const each of instruments.values()) if (each.row.kind !== "gauge") zero(each, labels);
    },
    forget: (labels) => {
      for (const each of instruments.values()) drop(each, labels);
    },
    source: (samples) => void sources.push(samples),
    refused: () => refused,
    render: async (accept = "", shows = () => true) => {
      // First: reading elsewhere may count something here.
      const read = (await Promise.all(sources.map((source) => source()))).flat();
      const open = /(^|,)\s*application\/openmetrics-text\b/.test(accept);
      const registry = new Registry<RegistryContentType>();
      registry.setContentType(open ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE);
      for (const { name, row, series } of instruments.values()) {
        const shown = [...series.values()].filter(({ labels }) => shows(labels));
        registry.registerMetric(view(name, row, open, linesOf(name, row, shown)));
      }
      for (const [name, values] of byMetric(read)) {
        const row = rows[name];
        const shown = values.flatMap(({ labels, value }) => {
          const admitted = admit(row, labels);
          return admitted === undefined || !shows(admitted) ? [] : [{ labels: admitted, value }];
        });
        if (row !== undefined && !instruments.has(name) && shown.length > 0)
          registry.registerMetric(view(name, row, open, shown));
      }
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}

function bounded(row: Row, labels: Labels): Labels | undefined {
  const names = Object.keys(row.labels);
  if (Object.keys(labels).some((label) => !Object.hasOwn(row.labels, label))) return undefined;
  const admitted: Record<string, string> = {};
  for (const label of names) {
    const allowed = row.labels[label] ?? [];
    const value = labels[label];
    if (value === undefined) return undefined;
    if (allowed === "configured" ? labelValue(value) : allowed.includes(value)) admitted[label] = value;
    else if (allowed !== "configured" && allowed.includes("other")) admitted[label] = "other";
    else return undefined;
  }
  return admitted;
}

/** The same for the same values of the row's labels; no value has the separator. */
function keyOf({ labels: names }: Row, labels: Labels): string {
  let key = "";
  for (const name in names) key += `${labels[name]}\u0000`;
  return key;
}

function hasOnly({ labels: names }: Row, labels: Labels): boolean {
  for (const name in labels) if (!Object.hasOwn(names, name)) return false;
  return true;
}

/** Sets to 0 each series that these free labels and the row's own lists span. */
function zero({ row, series }: Instrument, given: Labels): void {
  const free = Object.keys(row.labels).filter((label) => row.labels[label] === "configured");
  if (free.length !== Object.keys(given).length || free.some((label) => given[label] === undefined)) return;
  let combinations: readonly Labels[] = [given];
  for (const [label, values] of Object.entries(row.labels))
    if (values !== "configured")
      combinations = combinations.flatMap((labels) => values.map((value) => ({ ...labels, [label]: value })));
  for (const labels of combinations) {
    const key = keyOf(row, labels);
    if (!series.has(key)) series.set(key, createSeries(row, labels));
  }
}

function drop({ series }: Instrument, given: Labels): void {
  const wanted = Object.entries(given);
  for (const [key, each] of series)
    if (wanted.length > 0 && wanted.every(([label, value]) => each.labels[label] === value)) {
      series.delete(key);
      each.gone = true;
    }
}

/** What a registry needs of a metric. It puts `_total` behind the name of a counter that it shows in OpenMetrics. */
function view(name: string, row: Row, open: boolean, values: readonly Shown[]): Metric {
  const shown = open && row.kind === "counter" ? name.replace(/_total$/, "") : name;
  const get = async () => ({ name: shown, help: row.help, type: row.kind, values, aggregator: "sum" });
  return { name: shown, type: row.kind, get } as unknown as Metric;
}

function byMetric(samples: readonly Sample[]): ReadonlyMap<string, readonly Sample[]> {
  return Map.groupBy(samples, ({ metric }) => metric);
}
