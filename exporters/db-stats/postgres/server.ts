// The server itself: whether it answers, since when it runs, which version it is, what the role may see of it.
import { grants } from "../../../telemetry/catalogue/postgres-server.ts";
import { type PostgresCollector, pg } from "./connection.ts";

interface Row {
  readonly now: number;
  readonly started: number;
  readonly version: number;
  readonly standby: boolean;
  readonly pg_monitor: boolean;
  readonly column_widths: boolean;
  readonly sequences: boolean;
}

const may = (name: string): string =>
  `coalesce(has_function_privilege(to_regprocedure('vitals_db_stats.${name}()'), 'execute'), false) as ${name}`;

export const server: PostgresCollector = {
  name: "server",
  emits: [
    "pg_up",
    "pg_down_reason",
    "pg_start_timestamp_seconds",
    "pg_server_version_number",
    "pg_in_recovery",
    "pg_grant_missing",
    "pg_clock_skew_seconds",
  ],
  timeout: "4s",
  failed: (cause) => [pg("pg_up", 0), pg("pg_down_reason", 1, { cause })],
  collect: async ({ query, lacks }) => {
    const before = Date.now();
    const [row] = await query<Row>(`
      select extract(epoch from clock_timestamp())::float8 as now,
             extract(epoch from pg_postmaster_start_time())::float8 as started,
             current_setting('server_version_num')::int as version,
             pg_is_in_recovery() as standby,
             pg_has_role('pg_monitor', 'usage') as pg_monitor,
             ${may("column_widths")},
             ${may("sequences")}`);
    if (row === undefined) return [pg("pg_up", 0)];
    const missing = grants.filter((grant) => !row[grant]);
    lacks(missing);
    return [
      pg("pg_up", 1),
      pg("pg_start_timestamp_seconds", row.started),
      pg("pg_server_version_number", row.version),
      pg("pg_in_recovery", row.standby ? 1 : 0),
      // Compared with the middle of the round trip.
      pg("pg_clock_skew_seconds", row.now - (before + Date.now()) / 2_000),
      ...grants.map((grant) => pg("pg_grant_missing", missing.includes(grant) ? 1 : 0, { grant })),
    ];
  },
};
