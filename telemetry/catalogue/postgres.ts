// What db-stats says of PostgreSQL. `database` is the configured id, never an address or a person's name for it.
import { collectorCauses } from "./exporter.ts";
import { postgresObjects } from "./postgres-objects.ts";
import { postgresServer } from "./postgres-server.ts";
import type { Rows } from "./row.ts";

/** The states of pg_stat_activity as label values; a state of a newer server is `other`. */
export const connectionStates = [
  "active",
  "idle",
  "idle_in_transaction",
  "idle_in_transaction_aborted",
  "fastpath",
  "disabled",
  "starting",
  "other",
] as const;

/** Why a database could not be asked. `full`: it has no connection left for us. */
export const connectionCauses = ["dns", "connect", "tls", "timeout", "auth", "full", "other"] as const;
export type ConnectionCause = (typeof connectionCauses)[number];

const database = { database: "configured" } as const;

const common = {
  pg_up: {
    kind: "gauge",
    help: "1 when the server answered a query, 0 when it did not; the other series are absent then.",
    labels: database,
  },
  pg_down_reason: {
    kind: "gauge",
    help: "1 with the class of what went wrong while the server does not answer; absent while it does.",
    labels: { ...database, cause: collectorCauses },
  },
  pg_connection_failures_total: {
    kind: "counter",
    help: "Attempts to connect that failed, by cause.",
    labels: { ...database, cause: connectionCauses },
  },
  pg_connections: {
    kind: "gauge",
    help: "Client connections to the whole server by state.",
    labels: { ...database, state: connectionStates },
  },
  pg_database_connections: {
    kind: "gauge",
    help: "Client connections to this database by state.",
    labels: { ...database, state: connectionStates },
  },
  pg_database_backends: {
    kind: "gauge",
    help: "Processes of the server connected to this database, background workers included.",
    labels: database,
  },
  pg_database_longest_transaction_seconds: {
    kind: "gauge",
    help: "Age of the oldest open transaction of a client in this database in seconds, 0 without one.",
    labels: database,
  },
  pg_connections_limit: {
    kind: "gauge",
    help: "Connections that the server accepts from ordinary roles: max_connections less the reserved ones.",
    labels: database,
  },
  pg_connections_waiting_for_lock: {
    kind: "gauge",
    help: "Client connections of the whole server that wait for a lock.",
    labels: database,
  },
  pg_longest_transaction_seconds: {
    kind: "gauge",
    help: "Age of the oldest open transaction of a client in seconds, 0 without one.",
    labels: database,
  },
  pg_longest_idle_in_transaction_seconds: {
    kind: "gauge",
    help: "How long a client has been idle inside a transaction in seconds, the longest, 0 without one.",
    labels: database,
  },
  pg_transactions_committed_total: {
    kind: "counter",
    help: "Transactions committed in this database.",
    labels: database,
  },
  pg_transactions_rolled_back_total: {
    kind: "counter",
    help: "Transactions rolled back in this database.",
    labels: database,
  },
  pg_tuples_returned_total: {
    kind: "counter",
    help: "Live rows and index entries read by scans in this database.",
    labels: database,
  },
  pg_tuples_fetched_total: {
    kind: "counter",
    help: "Live rows fetched by index scans in this database.",
    labels: database,
  },
  pg_tuples_inserted_total: { kind: "counter", help: "Rows inserted in this database.", labels: database },
  pg_tuples_updated_total: { kind: "counter", help: "Rows updated in this database.", labels: database },
  pg_tuples_deleted_total: { kind: "counter", help: "Rows deleted in this database.", labels: database },
  pg_blocks_read_total: {
    kind: "counter",
    help: "Blocks of this database that were not in the server's buffers and had to be read.",
    labels: database,
  },
  pg_blocks_hit_total: {
    kind: "counter",
    help: "Blocks of this database that were found in the server's buffers.",
    labels: database,
  },
  pg_deadlocks_total: { kind: "counter", help: "Deadlocks detected in this database.", labels: database },
  pg_conflicts_total: {
    kind: "counter",
    help: "Queries of this database cancelled by a conflict with recovery; on standby servers only.",
    labels: database,
  },
  pg_temp_files_total: { kind: "counter", help: "Temporary files made by queries in this database.", labels: database },
  pg_temp_written_bytes_total: {
    kind: "counter",
    help: "Bytes written to temporary files by queries in this database.",
    labels: database,
  },
  pg_stats_reset_timestamp_seconds: {
    kind: "gauge",
    help: "When the statistics of this database were reset last, in seconds since 1970; absent when never.",
    labels: database,
  },
  pg_size_bytes: { kind: "gauge", help: "Size of this database on disk in bytes.", labels: database },
  pg_start_timestamp_seconds: {
    kind: "gauge",
    help: "When the server started, in seconds since 1970.",
    labels: database,
  },
  pg_server_version_number: {
    kind: "gauge",
    help: "The server's version as a number: 180004 is 18.4.",
    labels: database,
  },
  pg_in_recovery: {
    kind: "gauge",
    help: "1 when the server is a standby in recovery, 0 when it is a primary.",
    labels: database,
  },
} as const satisfies Rows;

export const postgres = { ...common, ...postgresServer, ...postgresObjects } as const satisfies Rows;
