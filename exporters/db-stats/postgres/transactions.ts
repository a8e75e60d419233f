// Work done in the database: transactions, rows, temporary files.
import { type PostgresCollector, pg } from "./connection.ts";

const counters = {
  pg_transactions_committed_total: "xact_commit",
  pg_transactions_rolled_back_total: "xact_rollback",
  pg_tuples_returned_total: "tup_returned",
  pg_tuples_fetched_total: "tup_fetched",
  pg_tuples_inserted_total: "tup_inserted",
  pg_tuples_updated_total: "tup_updated",
  pg_tuples_deleted_total: "tup_deleted",
  pg_temp_files_total: "temp_files",
  pg_temp_written_bytes_total: "temp_bytes",
} as const;
type Counter = keyof typeof counters;

const columns = Object.entries(counters).map(([metric, column]) => `${column}::float8 as ${metric}`);

export const transactions: PostgresCollector = {
  name: "transactions",
  emits: [...Object.keys(counters), "pg_stats_reset_timestamp_seconds"],
  timeout: "4s",
  collect: async ({ query }) => {
    const [row] = await query<Record<Counter, number> & { reset: number | null }>(`
      select ${columns.join(", ")}, extract(epoch from stats_reset)::float8 as reset
        from pg_stat_database where datname = current_database()`);
    if (row === undefined) return [];
    return [
      ...(Object.keys(counters) as Counter[]).map((metric) => pg(metric, row[metric])),
      ...(row.reset === null ? [] : [pg("pg_stats_reset_timestamp_seconds", row.reset)]),
    ];
  },
};
