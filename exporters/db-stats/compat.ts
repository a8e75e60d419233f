// The names that dashboards made for other exporters know, by those of ours: shown beside ours where the configuration asks for it.
import type { Rows } from "../../telemetry/catalogue/row.ts";
import type { Sample } from "../collector.ts";

/** What an established name is made of. */
export interface Known {
  readonly from: string;
  /** Whether the database's own name is a label there. */
  readonly datname?: boolean;
  readonly factor?: number;
  /** Our labels by theirs. */
  readonly rename?: Readonly<Record<string, string>>;
  /** The one series of ours that it stands for; the label is in the name there. */
  readonly only?: readonly [label: string, value: string];
}

const inDatabase = (from: string, factor?: number): Known => ({ from, datname: true, ...(factor ? { factor } : {}) });
const table = (from: string): Known => ({ from, datname: true, rename: { schema: "schemaname", table: "relname" } });
const statement = (from: string): Known => ({ from, datname: true });

/** Settings have names of their own there, with the unit at the end. */
const setting = (from: string, value: string): Known => ({ from, only: ["setting", value] });

/** postgres_exporter's (v0.19). A counter there may lack `_total`, which promtool minds and dashboards do not. */
export const postgresNames = {
  pg_stat_database_xact_commit: inDatabase("pg_transactions_committed_total"),
  pg_stat_database_xact_rollback: inDatabase("pg_transactions_rolled_back_total"),
  pg_stat_database_tup_returned: inDatabase("pg_tuples_returned_total"),
  pg_stat_database_tup_fetched: inDatabase("pg_tuples_fetched_total"),
  pg_stat_database_tup_inserted: inDatabase("pg_tuples_inserted_total"),
  pg_stat_database_tup_updated: inDatabase("pg_tuples_updated_total"),
  pg_stat_database_tup_deleted: inDatabase("pg_tuples_deleted_total"),
  pg_stat_database_blks_hit: inDatabase("pg_blocks_hit_total"),
  pg_stat_database_blks_read: inDatabase("pg_blocks_read_total"),
  pg_stat_database_blk_read_time: inDatabase("pg_blocks_read_seconds_total", 1_000),
  pg_stat_database_blk_write_time: inDatabase("pg_blocks_written_seconds_total", 1_000),
  pg_stat_database_conflicts: inDatabase("pg_conflicts_total"),
  pg_stat_database_deadlocks: inDatabase("pg_deadlocks_total"),
  pg_stat_database_temp_files: inDatabase("pg_temp_files_total"),
  pg_stat_database_temp_bytes: inDatabase("pg_temp_written_bytes_total"),
  pg_stat_database_stats_reset: inDatabase("pg_stats_reset_timestamp_seconds"),
  pg_stat_activity_count: { from: "pg_connections" },
  pg_stat_activity_max_tx_duration: { from: "pg_longest_transaction_seconds" },
  pg_locks_count: { from: "pg_locks_granted", datname: true },
  pg_postmaster_start_time_seconds: { from: "pg_start_timestamp_seconds" },
  pg_replication_is_replica: { from: "pg_in_recovery" },
  pg_replication_lag_seconds: { from: "pg_standby_lag_seconds" },
  pg_wal_segments: { from: "pg_wal_files" },
  pg_wal_size_bytes: { from: "pg_wal_files_size_bytes" },
  pg_stat_archiver_archived_count: { from: "pg_archived_files_total" },
  pg_stat_archiver_failed_count: { from: "pg_archive_failures_total" },
  pg_stat_bgwriter_buffers_clean_total: { from: "pg_bgwriter_buffers_written_total" },
  pg_stat_bgwriter_maxwritten_clean_total: { from: "pg_bgwriter_rounds_stopped_total" },
  pg_stat_bgwriter_buffers_alloc_total: { from: "pg_buffers_allocated_total" },
  pg_stat_user_tables_n_live_tup: table("pg_table_live_rows"),
  pg_stat_user_tables_n_dead_tup: table("pg_table_dead_rows"),
  pg_stat_user_tables_seq_scan: table("pg_table_sequential_scans_total"),
  pg_stat_user_tables_idx_scan: table("pg_table_index_scans_total"),
  pg_stat_statements_calls_total: statement("pg_statement_calls_total"),
  pg_stat_statements_seconds_total: statement("pg_statement_seconds_total"),
  pg_stat_statements_rows_total: statement("pg_statement_rows_total"),
  pg_settings_shared_buffers_bytes: setting("pg_setting_bytes", "shared_buffers"),
  pg_settings_effective_cache_size_bytes: setting("pg_setting_bytes", "effective_cache_size"),
  pg_settings_work_mem_bytes: setting("pg_setting_bytes", "work_mem"),
  pg_settings_maintenance_work_mem_bytes: setting("pg_setting_bytes", "maintenance_work_mem"),
  pg_settings_max_wal_size_bytes: setting("pg_setting_bytes", "max_wal_size"),
  pg_settings_max_connections: setting("pg_setting_number", "max_connections"),
  pg_settings_max_worker_processes: setting("pg_setting_number", "max_worker_processes"),
  pg_settings_max_parallel_workers: setting("pg_setting_number", "max_parallel_workers"),
  pg_settings_random_page_cost: setting("pg_setting_number", "random_page_cost"),
} as const satisfies Readonly<Record<string, Known>>;

/** redis_exporter's. */
export const redisNames = {
  redis_uptime_in_seconds: { from: "redis_uptime_seconds" },
  redis_memory_used_rss_bytes: { from: "redis_memory_resident_bytes" },
  redis_memory_used_peak_bytes: { from: "redis_memory_peak_bytes" },
  redis_mem_fragmentation_ratio: { from: "redis_memory_fragmentation_ratio" },
  redis_db_keys: { from: "redis_database_keys" },
  redis_db_keys_expiring: { from: "redis_database_expiring_keys" },
  redis_config_maxclients: { from: "redis_clients_limit" },
  redis_rejected_connections_total: { from: "redis_connections_rejected_total" },
  redis_net_input_bytes_total: { from: "redis_network_received_bytes_total" },
  redis_net_output_bytes_total: { from: "redis_network_sent_bytes_total" },
  redis_commands_total: { from: "redis_command_calls_total", rename: { command: "cmd" } },
  redis_commands_duration_seconds_total: { from: "redis_command_seconds_total", rename: { command: "cmd" } },
  redis_commands_failed_calls_total: { from: "redis_command_failures_total", rename: { command: "cmd" } },
  redis_commands_rejected_calls_total: { from: "redis_command_rejected_total", rename: { command: "cmd" } },
  redis_slowlog_length: { from: "redis_slowlog_entries" },
  redis_connected_slaves: { from: "redis_connected_replicas" },
  redis_master_repl_offset: { from: "redis_replication_offset_bytes" },
  redis_master_link_up: { from: "redis_replica_link_up" },
  redis_rdb_changes_since_last_save: { from: "redis_rdb_changes_since_save" },
  redis_loading_dump_file: { from: "redis_loading" },
  redis_cluster_state: { from: "redis_cluster_ok" },
  redis_cluster_slots_pfail: { from: "redis_cluster_slots_suspected" },
  redis_cluster_slots_fail: { from: "redis_cluster_slots_failed" },
} as const satisfies Readonly<Record<string, Known>>;

const all: Readonly<Record<string, Known>> = { ...postgresNames, ...redisNames };
const byOurs = Map.groupBy(Object.entries(all), ([, { from }]) => from);

/** The established names of these metrics. */
export const established = (metrics: readonly string[]): readonly string[] =>
  metrics.flatMap((metric) => (byOurs.get(metric) ?? []).map(([name]) => name));

/** Their rows: the kind of ours, and a HELP text that says which that is. */
export const establishedRows = (ours: Rows): Rows =>
  Object.fromEntries(
    Object.entries(all).map(([name, { from, datname, rename = {}, only }]) => {
      const row = ours[from];
      if (row === undefined) throw new TypeError(`there is no metric ${from} that ${name} could be made of`);
      const labels = Object.entries(row.labels)
        .filter(([label]) => label !== only?.[0])
        .map(([label, values]) => [rename[label] ?? label, values] as const);
      const named = datname === true ? { datname: "configured" as const } : {};
      const help = `${from} under another name.`;
      return [name, { kind: row.kind, help, labels: { ...Object.fromEntries(labels), ...named } }];
    }),
  );

/** Their samples; `datname` is the name of the database that is read. */
export const inOtherNames = (samples: readonly Sample[], datname: string): readonly Sample[] =>
  samples.flatMap(({ metric, labels, value }) =>
    (byOurs.get(metric) ?? []).flatMap(([name, known]) => {
      const [chosen, wanted] = known.only ?? [];
      if (chosen !== undefined && labels[chosen] !== wanted) return [];
      const renamed = Object.entries(labels)
        .filter(([label]) => label !== chosen)
        .map(([label, text]) => [known.rename?.[label] ?? label, text] as const);
      const labelled = { ...Object.fromEntries(renamed), ...(known.datname === true ? { datname } : {}) };
      return [{ metric: name, labels: labelled, value: value * (known.factor ?? 1) }];
    }),
  );
