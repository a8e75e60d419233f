// Names that dashboards made for other exporters know, by those of ours.
import { connectionStates } from "../../telemetry/catalogue/postgres.ts";
import { byteSettings, flagSettings, numberSettings, timeSettings } from "../../telemetry/catalogue/postgres-server.ts";

/** What an established name is made of. */
export interface Known {
  readonly from: string;
  /** Whether the database's own name is a label there. */
  readonly datname?: boolean;
  readonly factor?: number;
  /** Our labels by theirs. */
  readonly rename?: Readonly<Record<string, string>>;
  /** How the values of a label of ours are written there. */
  readonly written?: Readonly<Record<string, (value: string) => string>>;
  /** The one series of ours that it stands for; the label is in the name there. */
  readonly only?: readonly [label: string, value: string];
  /** Labels that hold what is our value; it is 1 itself there. */
  readonly told?: Readonly<Record<string, (value: number) => string>>;
}

const inDatabase = (from: string, factor?: number): Known => ({ from, datname: true, ...(factor ? { factor } : {}) });
const table = (from: string): Known => ({ from, datname: true, rename: { schema: "schemaname", table: "relname" } });
const slot = (from: string): Known => ({ from, rename: { slot: "slot_name" } });
const milliseconds = (from: string): Known => ({ from, factor: 1_000 });

/** As pg_stat_activity has them. */
const states: Readonly<Record<(typeof connectionStates)[number], string>> = {
  active: "active",
  idle: "idle",
  idle_in_transaction: "idle in transaction",
  idle_in_transaction_aborted: "idle in transaction (aborted)",
  fastpath: "fastpath function call",
  disabled: "disabled",
  starting: "starting",
  other: "other",
};
const stateOf = (state: string): string => states[connectionStates.find((each) => each === state) ?? "other"];

/** Settings have names of their own there, with the unit at the end. */
const settings = (from: string, names: readonly string[], unit = ""): Readonly<Record<string, Known>> =>
  Object.fromEntries(names.map((name) => [`pg_settings_${name}${unit}`, { from, only: ["setting", name] as const }]));

/** postgres_exporter's (v0.19), those of newer servers' views included. A counter there may lack `_total`, which promtool minds and dashboards do not. */
export const postgresNames: Readonly<Record<string, Known>> = {
  pg_static: {
    from: "pg_server_version_number",
    told: { short_version: (number) => `${Math.floor(number / 10_000)}.${number % 10_000}.0` },
  },
  pg_postmaster_start_time_seconds: { from: "pg_start_timestamp_seconds" },
  pg_database_size_bytes: { from: "pg_server_database_size_bytes" },
  pg_stat_database_numbackends: inDatabase("pg_database_backends"),
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
  pg_stat_database_active_time_seconds_total: inDatabase("pg_session_active_seconds_total"),
  pg_stat_database_stats_reset: inDatabase("pg_stats_reset_timestamp_seconds"),
  pg_stat_activity_count: { from: "pg_database_connections", datname: true, written: { state: stateOf } },
  pg_stat_activity_max_tx_duration: inDatabase("pg_database_longest_transaction_seconds"),
  pg_locks_count: { from: "pg_locks_granted", datname: true, written: { mode: (mode) => mode.toLowerCase() } },
  pg_replication_is_replica: { from: "pg_in_recovery" },
  pg_replication_lag_seconds: { from: "pg_standby_lag_seconds" },
  pg_stat_replication_pg_wal_lsn_diff: { from: "pg_replica_lag_bytes" },
  pg_replication_slot_slot_is_active: slot("pg_replication_slot_active"),
  pg_replication_slots_active: slot("pg_replication_slot_active"),
  pg_replication_slots_pg_wal_lsn_diff: slot("pg_replication_slot_retained_bytes"),
  pg_wal_segments: { from: "pg_wal_files" },
  pg_wal_size_bytes: { from: "pg_wal_files_size_bytes" },
  pg_stat_archiver_archived_count: { from: "pg_archived_files_total" },
  pg_stat_archiver_failed_count: { from: "pg_archive_failures_total" },
  pg_stat_bgwriter_checkpoints_timed_total: { from: "pg_checkpoints_timed_total" },
  pg_stat_bgwriter_checkpoints_req_total: { from: "pg_checkpoints_requested_total" },
  pg_stat_bgwriter_checkpoint_write_time_total: milliseconds("pg_checkpoint_write_seconds_total"),
  pg_stat_bgwriter_checkpoint_sync_time_total: milliseconds("pg_checkpoint_sync_seconds_total"),
  pg_stat_bgwriter_buffers_checkpoint_total: { from: "pg_checkpoint_buffers_written_total" },
  pg_stat_bgwriter_buffers_backend_total: { from: "pg_backend_buffers_written_total" },
  pg_stat_bgwriter_buffers_clean_total: { from: "pg_bgwriter_buffers_written_total" },
  pg_stat_bgwriter_maxwritten_clean_total: { from: "pg_bgwriter_rounds_stopped_total" },
  pg_stat_bgwriter_buffers_alloc_total: { from: "pg_buffers_allocated_total" },
  pg_stat_checkpointer_num_timed_total: { from: "pg_checkpoints_timed_total" },
  pg_stat_checkpointer_num_requested_total: { from: "pg_checkpoints_requested_total" },
  pg_stat_checkpointer_write_time_total: milliseconds("pg_checkpoint_write_seconds_total"),
  pg_stat_checkpointer_sync_time_total: milliseconds("pg_checkpoint_sync_seconds_total"),
  pg_stat_checkpointer_buffers_written_total: { from: "pg_checkpoint_buffers_written_total" },
  pg_stat_user_tables_n_live_tup: table("pg_table_live_rows"),
  pg_stat_user_tables_n_dead_tup: table("pg_table_dead_rows"),
  pg_stat_user_tables_n_mod_since_analyze: table("pg_table_modified_since_analyze_rows"),
  pg_stat_user_tables_seq_scan: table("pg_table_sequential_scans_total"),
  pg_stat_user_tables_idx_scan: table("pg_table_index_scans_total"),
  pg_stat_user_tables_table_size_bytes: table("pg_table_size_bytes"),
  pg_stat_user_tables_index_size_bytes: table("pg_table_indexes_size_bytes"),
  pg_stat_statements_calls_total: inDatabase("pg_statement_calls_total"),
  pg_stat_statements_seconds_total: inDatabase("pg_statement_seconds_total"),
  pg_stat_statements_rows_total: inDatabase("pg_statement_rows_total"),
  ...settings("pg_setting_bytes", byteSettings, "_bytes"),
  ...settings("pg_setting_seconds", timeSettings, "_seconds"),
  ...settings("pg_setting_number", numberSettings),
  ...settings("pg_setting_enabled", flagSettings),
};

const command = (from: string): Known => ({ from, rename: { command: "cmd" } });

/** redis_exporter's. */
export const redisNames: Readonly<Record<string, Known>> = {
  redis_instance_info: { from: "redis_primary", told: { role: (primary) => (primary === 1 ? "master" : "slave") } },
  redis_uptime_in_seconds: { from: "redis_uptime_seconds" },
  redis_config_maxmemory: { from: "redis_memory_max_bytes" },
  redis_memory_used_rss_bytes: { from: "redis_memory_resident_bytes" },
  redis_memory_used_peak_bytes: { from: "redis_memory_peak_bytes" },
  redis_memory_used_dataset_bytes: { from: "redis_memory_dataset_bytes" },
  redis_mem_fragmentation_ratio: { from: "redis_memory_fragmentation_ratio" },
  redis_db_keys: { from: "redis_database_keys" },
  redis_db_keys_expiring: { from: "redis_database_expiring_keys" },
  redis_config_maxclients: { from: "redis_clients_limit" },
  redis_rejected_connections_total: { from: "redis_connections_rejected_total" },
  redis_net_input_bytes_total: { from: "redis_network_received_bytes_total" },
  redis_net_output_bytes_total: { from: "redis_network_sent_bytes_total" },
  redis_total_error_replies: { from: "redis_error_replies_total" },
  redis_commands_total: command("redis_command_calls_total"),
  redis_commands_duration_seconds_total: command("redis_command_seconds_total"),
  redis_commands_failed_calls_total: command("redis_command_failures_total"),
  redis_commands_rejected_calls_total: command("redis_command_rejected_total"),
  redis_latency_percentiles_usec: {
    from: "redis_command_latency_seconds",
    factor: 1e6,
    rename: { command: "cmd", percentile: "quantile" },
  },
  redis_slowlog_length: { from: "redis_slowlog_entries" },
  redis_connected_slaves: { from: "redis_connected_replicas" },
  redis_connected_slave_lag_seconds: { from: "redis_replica_lag_seconds" },
  redis_master_repl_offset: { from: "redis_replication_offset_bytes" },
  redis_master_link_up: { from: "redis_replica_link_up" },
  redis_master_last_io_seconds_ago: { from: "redis_replica_last_contact_seconds" },
  redis_rdb_changes_since_last_save: { from: "redis_rdb_changes_since_save" },
  redis_rdb_bgsave_in_progress: { from: "redis_rdb_save_in_progress" },
  redis_rdb_last_bgsave_status: { from: "redis_rdb_last_save_success" },
  redis_aof_last_write_status: { from: "redis_aof_last_write_success" },
  redis_aof_last_bgrewrite_status: { from: "redis_aof_last_rewrite_success" },
  redis_aof_current_size_bytes: { from: "redis_aof_size_bytes" },
  redis_loading_dump_file: { from: "redis_loading" },
  redis_cluster_state: { from: "redis_cluster_ok" },
  redis_cluster_slots_pfail: { from: "redis_cluster_slots_suspected" },
  redis_cluster_slots_fail: { from: "redis_cluster_slots_failed" },
  redis_cluster_current_epoch: { from: "redis_cluster_epoch" },
};
