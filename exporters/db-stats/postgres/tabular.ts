// A collector that is one statement: columns named like metrics become samples, columns named like their labels the labels.
import { postgres } from "../../../telemetry/catalogue/postgres.ts";
import type { Collector, Samples } from "../../collector.ts";
import type { PostgresCollector, Sql } from "./connection.ts";

export type Metric = keyof typeof postgres;
export type Cells = Readonly<Record<string, string | number | boolean | null | undefined>>;

interface Tabular extends Pick<Collector<never>, "name" | "timeout" | "ttl"> {
  readonly emits: readonly Metric[];
  /** A column `left_out` in the first row says how many rows a limit has cut off. */
  readonly sql: Sql;
}

export const tabular = ({ sql, ...rest }: Tabular): PostgresCollector => ({
  ...rest,
  collect: async ({ query, dropped }) => {
    const rows = await query<Cells>(sql);
    dropped(Number(rows[0]?.left_out ?? 0) * rest.emits.length);
    return samplesOf(rows, rest.emits);
  },
});

/** A sample for each cell that is not null. */
export const samplesOf = (rows: readonly Cells[], metrics: readonly Metric[]): Samples =>
  metrics.flatMap((metric) => {
    const names = Object.keys(postgres[metric].labels).filter((label) => label !== "database");
    return rows.flatMap((row) => {
      const value = row[metric];
      if (value === null || value === undefined) return [];
      return [
        { metric, value: Number(value), labels: Object.fromEntries(names.map((name) => [name, `${row[name]}`])) },
      ];
    });
  });

/** The oid of the database without a look at a catalogue that somebody may have locked. */
export const ownDatabase = "(select datid from pg_stat_get_activity(pg_backend_pid()))";

/** The server's own schemas, and those of temporary tables. */
export const ownSchemas = "('pg_catalog', 'information_schema', 'pg_toast')";

/** How many of these rows `order by … limit` cuts off. */
export const cutOff = (limit: number): string => `greatest(0, count(*) over () - ${limit}) as left_out`;
