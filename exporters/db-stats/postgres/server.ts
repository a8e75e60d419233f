// The server itself: whether it answers, since when it runs, which version it is.
import { type PostgresCollector, pg } from "./connection.ts";

export const server: PostgresCollector = {
  name: "server",
  emits: ["pg_up", "pg_start_timestamp_seconds", "pg_server_version_number", "pg_in_recovery"],
  timeout: "4s",
  failed: [pg("pg_up", 0)],
  collect: async ({ query }) => {
    const [row] = await query<{ started: number; version: number; standby: boolean }>(`
      select extract(epoch from pg_postmaster_start_time())::float8 as started,
             current_setting('server_version_num')::int as version,
             pg_is_in_recovery() as standby`);
    if (row === undefined) return [pg("pg_up", 0)];
    return [
      pg("pg_up", 1),
      pg("pg_start_timestamp_seconds", row.started),
      pg("pg_server_version_number", row.version),
      pg("pg_in_recovery", row.standby ? 1 : 0),
    ];
  },
};
