// The names that dashboards made for other exporters know, shown beside ours where the configuration asks for it.
import type { Rows } from "../../telemetry/catalogue/row.ts";
import type { Sample } from "../collector.ts";
import { type Known, postgresNames, redisNames } from "./established.ts";

const all: Readonly<Record<string, Known>> = { ...postgresNames, ...redisNames };
const byOurs = Map.groupBy(Object.entries(all), ([, { from }]) => from);

/** The established names of these metrics. */
export const established = (metrics: readonly string[]): readonly string[] =>
  metrics.flatMap((metric) => (byOurs.get(metric) ?? []).map(([name]) => name));

/** Their rows: the kind of ours, and a HELP text that says which that is. */
export const establishedRows = (ours: Rows): Rows =>
  Object.fromEntries(
    Object.entries(all).map(([name, { from, datname, rename = {}, written = {}, only, told = {} }]) => {
      const row = ours[from];
      if (row === undefined) throw new TypeError(`there is no metric ${from} that ${name} could be made of`);
      const labels = Object.entries(row.labels)
        .filter(([label]) => label !== only?.[0])
        .map(([label, values]) => {
          const write = written[label] ?? same;
          return [rename[label] ?? label, values === "configured" ? values : values.map(write)] as const;
        });
      const added = [...Object.keys(told), ...(datname === true ? ["datname"] : [])].map(
        (label) => [label, "configured"] as const,
      );
      const help = `${from} under another name.`;
      return [name, { kind: row.kind, help, labels: Object.fromEntries([...labels, ...added]) }];
    }),
  );

/** Their samples; `datname` is the name of the database that is read. */
export const inOtherNames = (samples: readonly Sample[], datname: string): readonly Sample[] =>
  samples.flatMap((sample) =>
    (byOurs.get(sample.metric) ?? []).flatMap(([name, known]) => renamed(sample, name, known, datname)),
  );

function renamed({ labels, value }: Sample, metric: string, known: Known, datname: string): readonly Sample[] {
  const { rename = {}, written = {}, only: [chosen, wanted] = [], told, factor = 1 } = known;
  if (chosen !== undefined && labels[chosen] !== wanted) return [];
  const theirs = Object.entries(labels)
    .filter(([label]) => label !== chosen)
    .map(([label, text]) => [rename[label] ?? label, (written[label] ?? same)(text)] as const);
  const said = Object.entries(told ?? {}).map(([label, say]) => [label, say(value)] as const);
  const labelled = { ...Object.fromEntries([...theirs, ...said]), ...(known.datname === true ? { datname } : {}) };
  return [{ metric, labels: labelled, value: told === undefined ? value * factor : 1 }];
}

const same = (text: string): string => text;
