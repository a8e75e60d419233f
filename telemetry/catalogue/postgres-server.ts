// What db-stats says of a PostgreSQL server as a whole: locks, sessions, replication, WAL, input and output, settings.
import type { Rows } from "./row.ts";

/** What the exporter's role needs; docs/db-stats.md has the SQL. */
export const grants = ["pg_monitor", "column_widths", "sequences"] as const;
export const extensions = ["pg_stat_statements", "pgstattuple"] as const;
export const lockModes = [
  "AccessShareLock",
  "RowShareLock",
  "RowExclusiveLock",
  "ShareUpdateExclusiveLock",
  "ShareLock",
  "ShareRowExclusiveLock",
  "ExclusiveLock",
  "AccessExclusiveLock",
  "other",
] as const;
export const replicaStates = ["startup", "catchup", "streaming", "backup", "stopping", "other"] as const;
export const backendKinds = [
  "client backend",
  "autovacuum worker",
  "autovacuum launcher",
  "background writer",
  "background worker",
  "checkpointer",
  "startup",
  "walsender",
  "walwriter",
  "walreceiver",
  "walsummarizer",
  "io worker",
  "slotsync worker",
  "standalone backend",
  "other",
] as const;
export const xminHolders = ["session", "standby", "slot", "prepared"] as const;
export const byteSettings = [
  "shared_buffers",
  "effective_cache_size",
  "work_mem",
  "maintenance_work_mem",
  "max_wal_size",
  "min_wal_size",
  "temp_file_limit",
  "wal_buffers",
] as const;
export const timeSettings = [
  "checkpoint_timeout",
  "deadlock_timeout",
  "idle_in_transaction_session_timeout",
  "lock_timeout",
  "statement_timeout",
  "log_min_duration_statement",
] as const;
export const numberSettings = [
  "max_connections",
  "superuser_reserved_connections",
  "max_locks_per_transaction",
  "max_worker_processes",
  "max_parallel_workers",
  "autovacuum_max_workers",
  "autovacuum_freeze_max_age",
  "autovacuum_vacuum_scale_factor",
  "autovacuum_vacuum_threshold",
  "max_replication_slots",
  "max_wal_senders",
  "random_page_cost",
  "seq_page_cost",
  "checkpoint_completion_target",
] as const;
export const flagSettings = [
  "autovacuum",
  "fsync",
  "full_page_writes",
  "data_checksums",
  "track_io_timing",
  "track_counts",
  "hot_standby_feedback",
  "ssl",
  "jit",
] as const;

const database = { database: "configured" } as const;

export const postgresServer = {
  pg_grant_missing: {
    kind: "gauge",
    help: "1 when the exporter's role lacks this grant, 0 when it has it.",
    labels: { ...database, grant: grants },
  },
  pg_extension_available: {
    kind: "gauge",
    help: "1 when the extension can be asked in this database, 0 when it is not installed or not loaded.",
    labels: { ...database, extension: extensions },
  },
  pg_locks_granted: {
    kind: "gauge",
    help: "Locks that are held in this database, by mode.",
    labels: { ...database, mode: lockModes },
  },
  pg_locks_waiting: {
    kind: "gauge",
    help: "Locks that sessions wait for in this database, by mode.",
    labels: { ...database, mode: lockModes },
  },
  pg_sessions_blocked: { kind: "gauge", help: "Sessions of the whole server that wait for a lock.", labels: database },
  pg_sessions_blocking: {
    kind: "gauge",
    help: "Sessions of the whole server that hold up others and wait for nobody themselves.",
    labels: database,
  },
  pg_longest_blocked_seconds: {
    kind: "gauge",
    help: "How long a session has waited for a lock in seconds, the longest, 0 without one.",
    labels: database,
  },
  pg_statements_slow: {
    kind: "gauge",
    help: "Statements that run now and have run longer than the configured threshold.",
    labels: database,
  },
  pg_longest_statement_seconds: {
    kind: "gauge",
    help: "How long a statement has run that runs now in seconds, the longest, 0 without one.",
    labels: database,
  },
  pg_sessions_total: { kind: "counter", help: "Sessions established to this database.", labels: database },
  pg_session_seconds_total: {
    kind: "counter",
    help: "Time spent by sessions in this database in seconds.",
    labels: database,
  },
  pg_session_active_seconds_total: {
    kind: "counter",
    help: "Time spent executing statements in this database in seconds.",
    labels: database,
  },
  pg_session_idle_in_transaction_seconds_total: {
    kind: "counter",
    help: "Time spent idle in a transaction in this database in seconds.",
    labels: database,
  },
  pg_sessions_abandoned_total: {
    kind: "counter",
    help: "Sessions to this database that were lost by their client.",
    labels: database,
  },
  pg_sessions_fatal_total: {
    kind: "counter",
    help: "Sessions to this database that ended with a fatal error.",
    labels: database,
  },
  pg_sessions_killed_total: {
    kind: "counter",
    help: "Sessions to this database that an operator ended.",
    labels: database,
  },
  pg_blocks_read_seconds_total: {
    kind: "counter",
    help: "Time spent reading data files in seconds; 0 unless track_io_timing is on.",
    labels: database,
  },
  pg_blocks_written_seconds_total: {
    kind: "counter",
    help: "Time spent writing data files in seconds; 0 unless track_io_timing is on.",
    labels: database,
  },
  pg_checksum_failures_total: {
    kind: "counter",
    help: "Data pages of this database whose checksum was wrong; absent where checksums are off.",
    labels: database,
  },
  pg_checksum_last_failure_timestamp_seconds: {
    needs: "checksum failure",
    kind: "gauge",
    help: "When a checksum was wrong last, in seconds since 1970; absent when never.",
    labels: database,
  },
  pg_replicas: {
    kind: "gauge",
    help: "Standby servers that are connected, by state.",
    labels: { ...database, state: replicaStates },
  },
  pg_replica_lag_bytes: {
    needs: "connected standby",
    kind: "gauge",
    help: "WAL that the standby furthest behind has not replayed in bytes.",
    labels: database,
  },
  pg_replica_lag_seconds: {
    needs: "connected standby",
    kind: "gauge",
    help: "Time that the standby furthest behind took to replay what it confirmed last in seconds.",
    labels: database,
  },
  pg_standby_lag_bytes: {
    needs: "standby",
    kind: "gauge",
    help: "WAL that this standby has received and not replayed in bytes.",
    labels: database,
  },
  pg_standby_lag_seconds: {
    needs: "standby",
    kind: "gauge",
    help: "Age of the last transaction that this standby replayed in seconds, by the primary's clock; 0 when it has replayed all that it received.",
    labels: database,
  },
  pg_standby_receiving: {
    needs: "standby",
    kind: "gauge",
    help: "1 when this standby receives WAL from a primary, 0 when it does not.",
    labels: database,
  },
  pg_replication_slot_active: {
    needs: "replication slot",
    kind: "gauge",
    help: "1 when somebody reads the slot, 0 when nobody does.",
    labels: { ...database, slot: "configured" },
  },
  pg_replication_slot_lost: {
    needs: "replication slot",
    kind: "gauge",
    help: "1 when WAL that the slot needs is gone, 0 when it is there.",
    labels: { ...database, slot: "configured" },
  },
  pg_replication_slot_retained_bytes: {
    needs: "replication slot",
    kind: "gauge",
    help: "WAL that is kept for the slot in bytes.",
    labels: { ...database, slot: "configured" },
  },
  pg_wal_written_bytes_total: {
    kind: "counter",
    help: "WAL written since the server was made in bytes: the position in it.",
    labels: database,
  },
  pg_wal_records_total: { kind: "counter", help: "WAL records generated.", labels: database },
  pg_wal_full_page_images_total: { kind: "counter", help: "Full page images in the WAL.", labels: database },
  pg_wal_generated_bytes_total: {
    kind: "counter",
    help: "WAL generated since its statistics were reset in bytes.",
    labels: database,
  },
  pg_wal_buffers_full_total: {
    kind: "counter",
    help: "Times that WAL was written because its buffers were full.",
    labels: database,
  },
  pg_wal_files: { kind: "gauge", help: "Files in the WAL folder.", labels: database },
  pg_wal_files_size_bytes: { kind: "gauge", help: "Size of the files in the WAL folder in bytes.", labels: database },
  pg_checkpoints_timed_total: {
    kind: "counter",
    help: "Checkpoints begun because their time had come.",
    labels: database,
  },
  pg_checkpoints_requested_total: {
    kind: "counter",
    help: "Checkpoints begun because they were asked for, as by too much WAL.",
    labels: database,
  },
  pg_checkpoint_write_seconds_total: {
    kind: "counter",
    help: "Time that checkpoints spent writing in seconds.",
    labels: database,
  },
  pg_checkpoint_sync_seconds_total: {
    kind: "counter",
    help: "Time that checkpoints spent on getting files to disk in seconds.",
    labels: database,
  },
  pg_checkpoint_buffers_written_total: { kind: "counter", help: "Buffers written by checkpoints.", labels: database },
  pg_bgwriter_buffers_written_total: {
    kind: "counter",
    help: "Buffers written by the background writer.",
    labels: database,
  },
  pg_bgwriter_rounds_stopped_total: {
    kind: "counter",
    help: "Rounds that the background writer ended because it had written too much.",
    labels: database,
  },
  pg_buffers_allocated_total: { kind: "counter", help: "Buffers allocated.", labels: database },
  pg_backend_buffers_written_total: {
    kind: "counter",
    help: "Buffers that sessions had to write themselves; up to version 16, later ones have pg_io_writes_total.",
    labels: database,
  },
  pg_io_reads_total: {
    kind: "counter",
    help: "Read operations by kind of process; from version 16.",
    labels: { ...database, backend: backendKinds },
  },
  pg_io_read_bytes_total: {
    kind: "counter",
    help: "Bytes read by kind of process; from version 16.",
    labels: { ...database, backend: backendKinds },
  },
  pg_io_writes_total: {
    kind: "counter",
    help: "Write operations by kind of process; from version 16.",
    labels: { ...database, backend: backendKinds },
  },
  pg_io_written_bytes_total: {
    kind: "counter",
    help: "Bytes written by kind of process; from version 16.",
    labels: { ...database, backend: backendKinds },
  },
  pg_io_extends_total: {
    kind: "counter",
    help: "Operations that made a file longer by kind of process; from version 16.",
    labels: { ...database, backend: backendKinds },
  },
  pg_io_hits_total: {
    kind: "counter",
    help: "Blocks found in buffers by kind of process; from version 16.",
    labels: { ...database, backend: backendKinds },
  },
  pg_io_evictions_total: {
    kind: "counter",
    help: "Blocks put out of buffers to make room by kind of process; from version 16.",
    labels: { ...database, backend: backendKinds },
  },
  pg_io_fsyncs_total: {
    kind: "counter",
    help: "Calls of fsync by kind of process; from version 16.",
    labels: { ...database, backend: backendKinds },
  },
  pg_io_read_seconds_total: {
    kind: "counter",
    help: "Time spent reading in seconds; 0 unless track_io_timing is on; from version 16.",
    labels: { ...database, backend: backendKinds },
  },
  pg_io_write_seconds_total: {
    kind: "counter",
    help: "Time spent writing in seconds; 0 unless track_io_timing is on; from version 16.",
    labels: { ...database, backend: backendKinds },
  },
  pg_archived_files_total: { kind: "counter", help: "WAL files archived.", labels: database },
  pg_archive_failures_total: { kind: "counter", help: "Attempts to archive a WAL file that failed.", labels: database },
  pg_archive_last_success_timestamp_seconds: {
    kind: "gauge",
    help: "When a WAL file was archived last, in seconds since 1970; absent when never.",
    labels: database,
  },
  pg_archive_last_failure_timestamp_seconds: {
    kind: "gauge",
    help: "When archiving failed last, in seconds since 1970; absent when never.",
    labels: database,
  },
  pg_setting_bytes: { kind: "gauge", help: "A setting in bytes.", labels: { ...database, setting: byteSettings } },
  pg_setting_seconds: {
    kind: "gauge",
    help: "A setting in seconds; -1 where that switches it off.",
    labels: { ...database, setting: timeSettings },
  },
  pg_setting_number: {
    kind: "gauge",
    help: "A setting that is a plain number.",
    labels: { ...database, setting: numberSettings },
  },
  pg_setting_enabled: {
    kind: "gauge",
    help: "1 when the setting is on, 0 when it is off.",
    labels: { ...database, setting: flagSettings },
  },
  pg_settings_pending_restart: {
    kind: "gauge",
    help: "Settings that were changed and wait for a restart.",
    labels: database,
  },
  pg_database_frozen_age_xids: {
    kind: "gauge",
    help: "Transactions since the oldest row that is not frozen in this database.",
    labels: database,
  },
  pg_server_frozen_age_xids: {
    kind: "gauge",
    help: "Transactions since the oldest row that is not frozen, in the worst database of the server; it must stay below 2^31.",
    labels: database,
  },
  pg_server_frozen_age_multixacts: {
    kind: "gauge",
    help: "Multixacts since the oldest one that is needed, in the worst database of the server.",
    labels: database,
  },
  pg_xmin_age_xids: {
    kind: "gauge",
    help: "Transactions since the oldest one whose rows must be kept, by who needs them.",
    labels: { ...database, holder: xminHolders },
  },
  pg_autovacuum_workers: { kind: "gauge", help: "Autovacuum workers that run now.", labels: database },
  pg_prepared_transactions: { kind: "gauge", help: "Transactions that are prepared and not ended.", labels: database },
  pg_longest_prepared_transaction_seconds: {
    kind: "gauge",
    help: "Age of the oldest prepared transaction in seconds, 0 without one.",
    labels: database,
  },
  pg_databases: { kind: "gauge", help: "Databases of the server that accept connections.", labels: database },
  pg_server_database_size_bytes: {
    kind: "gauge",
    help: "Size of a database of the server on disk in bytes.",
    labels: { ...database, datname: "configured" },
  },
  pg_clock_skew_seconds: {
    kind: "gauge",
    help: "The server's clock less the exporter's in seconds.",
    labels: database,
  },
} as const satisfies Rows;
