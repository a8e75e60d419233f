// What a PostgreSQL says of itself, figure by figure: written from the documentation of its views, not from what db-stats asks.
import type { Major } from "../support/postgres.ts";

/** A series of ours without `pg_` and `database`, and an expression whose value never falls while the test looks. */
export type Figures = Readonly<Record<string, string>>;

const of = (from: string, expressions: Figures): Figures =>
  Object.fromEntries(
    Object.entries(expressions).map(([series, expression]) => [series, `select ${expression} from ${from}`]),
  );

const seconds = (expression: string): string => `extract(epoch from ${expression})`;
const milliseconds = (expression: string): string => `${expression} / 1000.0`;

/** `queryid` is of a statement that was not run before db-stats looked for the first time. */
export const figures = (major: Major, { table, queryid }: Readonly<Record<"table" | "queryid", string>>): Figures => ({
  start_timestamp_seconds: `select ${seconds("pg_postmaster_start_time()")}`,
  server_version_number: "select current_setting('server_version_num')",
  in_recovery: "select pg_is_in_recovery()::int",
  ...of("pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'", {
    longest_transaction_seconds: seconds("max(clock_timestamp() - xact_start)"),
    database_longest_transaction_seconds: seconds("max(clock_timestamp() - xact_start)"),
    longest_idle_in_transaction_seconds: seconds(
      "max(clock_timestamp() - state_change) filter (where state = 'idle in transaction')",
    ),
    longest_statement_seconds: seconds("max(clock_timestamp() - query_start) filter (where state = 'active')"),
    connections_waiting_for_lock: "count(*) filter (where wait_event_type = 'Lock')",
  }),
  ...of("pg_locks where not granted", {
    sessions_blocked: "count(distinct pid)",
    longest_blocked_seconds: seconds("clock_timestamp() - min(waitstart)"),
  }),
  ...of("pg_stat_database where datname = current_database()", {
    transactions_committed_total: "xact_commit",
    transactions_rolled_back_total: "xact_rollback",
    tuples_returned_total: "tup_returned",
    tuples_fetched_total: "tup_fetched",
    tuples_inserted_total: "tup_inserted",
    tuples_updated_total: "tup_updated",
    tuples_deleted_total: "tup_deleted",
    temp_files_total: "temp_files",
    temp_written_bytes_total: "temp_bytes",
    blocks_read_total: "blks_read",
    blocks_hit_total: "blks_hit",
    blocks_read_seconds_total: milliseconds("blk_read_time"),
    blocks_written_seconds_total: milliseconds("blk_write_time"),
    deadlocks_total: "deadlocks",
    conflicts_total: "conflicts",
    sessions_total: "sessions",
    session_seconds_total: milliseconds("session_time"),
    session_active_seconds_total: milliseconds("active_time"),
    session_idle_in_transaction_seconds_total: milliseconds("idle_in_transaction_time"),
    sessions_abandoned_total: "sessions_abandoned",
    sessions_fatal_total: "sessions_fatal",
    sessions_killed_total: "sessions_killed",
    checksum_failures_total: "checksum_failures",
    checksum_last_failure_timestamp_seconds: seconds("checksum_last_failure"),
    stats_reset_timestamp_seconds: seconds("stats_reset"),
  }),
  ...of(`pg_stat_statements where queryid = ${queryid}`, {
    [by(queryid, "statement_calls_total")]: "sum(calls)",
    [by(queryid, "statement_seconds_total")]: milliseconds("sum(total_exec_time)"),
    [by(queryid, "statement_rows_total")]: "sum(rows)",
    [by(queryid, "statement_blocks_hit_total")]: "sum(shared_blks_hit)",
    [by(queryid, "statement_blocks_read_total")]: "sum(shared_blks_read)",
    [by(queryid, "statement_temp_blocks_total")]: "sum(temp_blks_read) + sum(temp_blks_written)",
    [by(queryid, "statement_wal_bytes_total")]: "sum(wal_bytes)",
  }),
  statements_tracked_limit: "select current_setting('pg_stat_statements.max')",
  statements_evicted_total: "select dealloc from pg_stat_statements_info",
  statements_reset_timestamp_seconds: `select ${seconds("stats_reset")} from pg_stat_statements_info`,
  ...of("pg_stat_wal", {
    wal_written_bytes_total: "pg_current_wal_lsn() - '0/0'::pg_lsn",
    wal_records_total: "wal_records",
    wal_full_page_images_total: "wal_fpi",
    wal_generated_bytes_total: "wal_bytes",
    wal_buffers_full_total: "wal_buffers_full",
  }),
  ...of("pg_ls_waldir()", { wal_files: "count(*)", wal_files_size_bytes: "sum(size)" }),
  ...(major >= 17
    ? of("pg_stat_checkpointer", {
        checkpoints_timed_total: "num_timed",
        checkpoints_requested_total: "num_requested",
        checkpoint_write_seconds_total: milliseconds("write_time"),
        checkpoint_sync_seconds_total: milliseconds("sync_time"),
        checkpoint_buffers_written_total: "buffers_written",
      })
    : of("pg_stat_bgwriter", {
        checkpoints_timed_total: "checkpoints_timed",
        checkpoints_requested_total: "checkpoints_req",
        checkpoint_write_seconds_total: milliseconds("checkpoint_write_time"),
        checkpoint_sync_seconds_total: milliseconds("checkpoint_sync_time"),
        checkpoint_buffers_written_total: "buffers_checkpoint",
        backend_buffers_written_total: "buffers_backend",
      })),
  ...of("pg_stat_bgwriter", {
    bgwriter_buffers_written_total: "buffers_clean",
    bgwriter_rounds_stopped_total: "maxwritten_clean",
    buffers_allocated_total: "buffers_alloc",
  }),
  ...(major >= 16
    ? of("pg_stat_io where backend_type = 'client backend'", {
        [client("io_reads_total")]: "sum(reads)",
        [client("io_read_bytes_total")]: major >= 18 ? "sum(read_bytes)" : "sum(reads) * 8192",
        [client("io_writes_total")]: "sum(writes)",
        [client("io_written_bytes_total")]: major >= 18 ? "sum(write_bytes)" : "sum(writes) * 8192",
        [client("io_extends_total")]: "sum(extends)",
        [client("io_hits_total")]: "sum(hits)",
        [client("io_evictions_total")]: "sum(evictions)",
        [client("io_fsyncs_total")]: "sum(fsyncs)",
        [client("io_read_seconds_total")]: milliseconds("sum(read_time)"),
        [client("io_write_seconds_total")]: milliseconds("sum(write_time)"),
      })
    : {}),
  ...of("pg_stat_archiver", {
    archived_files_total: "archived_count",
    archive_failures_total: "failed_count",
    archive_last_success_timestamp_seconds: seconds("last_archived_time"),
    archive_last_failure_timestamp_seconds: seconds("last_failed_time"),
  }),
  ...of("pg_database", {
    database_frozen_age_xids: "max(age(datfrozenxid)) filter (where datname = current_database())",
    server_frozen_age_xids: "max(age(datfrozenxid))",
    server_frozen_age_multixacts: "max(mxid_age(datminmxid))",
    databases: "count(*) filter (where datallowconn)",
  }),
  ...of("pg_prepared_xacts", {
    prepared_transactions: "count(*)",
    longest_prepared_transaction_seconds: seconds("clock_timestamp() - min(prepared)"),
    'xmin_age_xids{holder="prepared"}': "max(age(transaction))",
  }),
  'xmin_age_xids{holder="slot"}': "select max(age(catalog_xmin)) from pg_replication_slots",
  'xmin_age_xids{holder="session"}':
    "select max(age(backend_xmin)) from pg_stat_activity where pid <> pg_backend_pid()",
  'setting_bytes{setting="shared_buffers"}': "select pg_size_bytes(current_setting('shared_buffers'))",
  'setting_bytes{setting="max_wal_size"}': "select pg_size_bytes(current_setting('max_wal_size'))",
  'setting_number{setting="max_locks_per_transaction"}': "select current_setting('max_locks_per_transaction')",
  settings_pending_restart: "select count(*) from pg_settings where pending_restart",
  ...of(`pg_stat_user_tables join pg_class c on c.oid = relid where relid = '${table}'::regclass`, {
    [ofTable(table, "table_live_rows")]: "n_live_tup",
    [ofTable(table, "table_dead_rows")]: "n_dead_tup",
    [ofTable(table, "table_modified_since_analyze_rows")]: "n_mod_since_analyze",
    [ofTable(table, "table_last_vacuum_timestamp_seconds")]: seconds("last_vacuum"),
    [ofTable(table, "table_last_analyze_timestamp_seconds")]: seconds("last_analyze"),
    [ofTable(table, "table_frozen_age_xids")]: "age(c.relfrozenxid)",
    [ofTable(table, "table_sequential_scans_total")]: "seq_scan",
    [ofTable(table, "table_index_scans_total")]: "idx_scan",
    [ofTable(table, "table_size_bytes")]: "pg_table_size(relid)",
    [ofTable(table, "table_indexes_size_bytes")]: "pg_indexes_size(relid)",
  }),
  ...of("pg_stat_user_tables", {
    live_rows: "sum(n_live_tup)",
    dead_rows: "sum(n_dead_tup)",
    tables: "count(*)",
    tables_never_vacuumed:
      "count(*) filter (where n_live_tup + n_dead_tup > 0 and last_vacuum is null and last_autovacuum is null)",
    tables_never_analyzed:
      "count(*) filter (where n_live_tup + n_dead_tup > 0 and last_analyze is null and last_autoanalyze is null)",
  }),
  ...of("pg_stat_user_indexes join pg_index using (indexrelid)", {
    indexes: "count(*)",
    indexes_unused: "count(*) filter (where idx_scan = 0 and not indisunique)",
    indexes_invalid: "count(*) filter (where not indisvalid)",
  }),
  size_bytes: "select pg_database_size(current_database())",
});

/** What is no figure of a view, or stands still in no moment: tests of their own force it. */
export const forced: readonly string[] = [
  "up down_reason grant_missing clock_skew_seconds extension_available",
  "connections connections_limit database_connections database_backends",
  "locks_granted locks_waiting sessions_blocking statements_slow statements_tracked",
  "replicas replica_lag_bytes replica_lag_seconds standby_lag_bytes standby_lag_seconds standby_receiving",
  "replication_slot_active replication_slot_lost replication_slot_retained_bytes",
  "autovacuum_workers setting_seconds setting_enabled tables_skipped table_bloat_bytes tables_bloat_unknown",
  "indexes_unused_size_bytes indexes_duplicate indexes_duplicate_size_bytes index_unused_size_bytes index_duplicate_size_bytes",
  "sequence_used_ratio server_database_size_bytes",
].flatMap((names) => names.split(" "));

const client = (name: string): string => `${name}{backend="client backend"}`;
const ofTable = (table: string, name: string): string => `${name}{schema="public",table="${table}"}`;
const by = (queryid: string, name: string): string => `${name}{queryid="${queryid}"}`;
