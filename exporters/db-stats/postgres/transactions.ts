// Work done in the database: transactions, rows, temporary files, sessions; and what was cancelled or found broken.
import { type Metric, ownDatabase, tabular } from "./tabular.ts";

const columns = {
  pg_database_backends: "numbackends",
  pg_transactions_committed_total: "xact_commit",
  pg_transactions_rolled_back_total: "xact_rollback",
  pg_tuples_returned_total: "tup_returned",
  pg_tuples_fetched_total: "tup_fetched",
  pg_tuples_inserted_total: "tup_inserted",
  pg_tuples_updated_total: "tup_updated",
  pg_tuples_deleted_total: "tup_deleted",
  pg_temp_files_total: "temp_files",
  pg_temp_written_bytes_total: "temp_bytes",
  pg_blocks_read_total: "blks_read",
  pg_blocks_hit_total: "blks_hit",
  pg_blocks_read_seconds_total: "blk_read_time / 1000",
  pg_blocks_written_seconds_total: "blk_write_time / 1000",
  pg_deadlocks_total: "deadlocks",
  pg_conflicts_total: "conflicts",
  pg_sessions_total: "sessions",
  pg_session_seconds_total: "session_time / 1000",
  pg_session_active_seconds_total: "active_time / 1000",
  pg_session_idle_in_transaction_seconds_total: "idle_in_transaction_time / 1000",
  pg_sessions_abandoned_total: "sessions_abandoned",
  pg_sessions_fatal_total: "sessions_fatal",
  pg_sessions_killed_total: "sessions_killed",
  pg_checksum_failures_total: "checksum_failures",
  pg_checksum_last_failure_timestamp_seconds: "extract(epoch from checksum_last_failure)",
  pg_stats_reset_timestamp_seconds: "extract(epoch from stats_reset)",
} as const satisfies Partial<Record<Metric, string>>;

export const transactions = tabular({
  name: "transactions",
  emits: Object.keys(columns) as (keyof typeof columns)[],
  timeout: "4s",
  sql: `select ${Object.entries(columns)
    .map(([metric, expression]) => `${expression} as ${metric}`)
    .join(", ")}
          from pg_stat_database where datid = ${ownDatabase}`,
});
