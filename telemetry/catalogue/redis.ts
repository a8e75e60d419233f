// What db-stats says of Redis. `database` is the configured id.
import { collectorCauses } from "./exporter.ts";
import { connectionCauses } from "./postgres.ts";
import type { Rows } from "./row.ts";

/** The logical databases of a server as it is by itself. */
export const databases = [
  "db0",
  "db1",
  "db2",
  "db3",
  "db4",
  "db5",
  "db6",
  "db7",
  "db8",
  "db9",
  "db10",
  "db11",
  "db12",
  "db13",
  "db14",
  "db15",
  "other",
] as const;
export const nodeRoles = ["primary", "replica"] as const;
export const nodeStates = ["ok", "suspected", "failed", "joining"] as const;

const database = { database: "configured" } as const;

export const redis = {
  redis_up: {
    kind: "gauge",
    help: "1 when the server answered INFO, 0 when it did not; the other series are absent then.",
    labels: database,
  },
  redis_down_reason: {
    kind: "gauge",
    help: "1 with the class of what went wrong while the server does not answer; absent while it does.",
    labels: { ...database, cause: collectorCauses },
  },
  redis_connection_failures_total: {
    kind: "counter",
    help: "Attempts to connect that failed, by cause.",
    labels: { ...database, cause: connectionCauses },
  },
  redis_memory_used_bytes: {
    kind: "gauge",
    help: "Memory allocated for data and overhead in bytes.",
    labels: database,
  },
  redis_memory_max_bytes: {
    kind: "gauge",
    help: "The maxmemory setting in bytes; 0 means without a limit.",
    labels: database,
  },
  redis_memory_refuses_when_full: {
    kind: "gauge",
    help: "1 when the server refuses writes at its memory limit, 0 when it removes keys instead or has no limit.",
    labels: database,
  },
  redis_memory_peak_bytes: { kind: "gauge", help: "The most memory that was allocated in bytes.", labels: database },
  redis_memory_resident_bytes: {
    kind: "gauge",
    help: "Memory that the operating system has given to the process in bytes.",
    labels: database,
  },
  redis_memory_fragmentation_ratio: {
    kind: "gauge",
    help: "Resident memory over allocated memory.",
    labels: database,
  },
  redis_keyspace_hits_total: { kind: "counter", help: "Look-ups that found their key.", labels: database },
  redis_keyspace_misses_total: { kind: "counter", help: "Look-ups that did not find their key.", labels: database },
  redis_evicted_keys_total: { kind: "counter", help: "Keys evicted because memory was short.", labels: database },
  redis_expired_keys_total: { kind: "counter", help: "Keys that reached the end of their time.", labels: database },
  redis_keys: { kind: "gauge", help: "Keys in all logical databases of the server.", labels: database },
  redis_connected_clients: { kind: "gauge", help: "Client connections, replicas left out.", labels: database },
  redis_blocked_clients: { kind: "gauge", help: "Clients that wait in a blocking call.", labels: database },
  redis_clients_limit: { kind: "gauge", help: "The maxclients setting.", labels: database },
  redis_connections_received_total: { kind: "counter", help: "Connections accepted.", labels: database },
  redis_connections_rejected_total: {
    kind: "counter",
    help: "Connections refused because of the maxclients setting.",
    labels: database,
  },
  redis_commands_processed_total: { kind: "counter", help: "Commands processed.", labels: database },
  redis_network_received_bytes_total: { kind: "counter", help: "Bytes read from the network.", labels: database },
  redis_network_sent_bytes_total: { kind: "counter", help: "Bytes written to the network.", labels: database },
  redis_uptime_seconds: { kind: "gauge", help: "Seconds since the server started.", labels: database },
  redis_permission_missing: {
    kind: "gauge",
    help: "1 when the user may not give this command, 0 when it may.",
    labels: { ...database, command: ["slowlog", "latency", "cluster"] },
  },
  redis_memory_dataset_bytes: { kind: "gauge", help: "Memory that the data itself takes in bytes.", labels: database },
  redis_database_keys: { kind: "gauge", help: "Keys of a logical database.", labels: { ...database, db: databases } },
  redis_database_expiring_keys: {
    kind: "gauge",
    help: "Keys of a logical database that have an end.",
    labels: { ...database, db: databases },
  },
  redis_error_replies_total: { kind: "counter", help: "Commands answered with an error.", labels: database },
  redis_command_calls_total: {
    kind: "counter",
    help: "Calls of the command.",
    labels: { ...database, command: "configured" },
  },
  redis_command_seconds_total: {
    kind: "counter",
    help: "Time spent executing the command in seconds.",
    labels: { ...database, command: "configured" },
  },
  redis_command_rejected_total: {
    kind: "counter",
    help: "Calls of the command refused before they were executed.",
    labels: { ...database, command: "configured" },
  },
  redis_command_failures_total: {
    kind: "counter",
    help: "Calls of the command that failed while they were executed.",
    labels: { ...database, command: "configured" },
  },
  redis_command_latency_seconds: {
    kind: "gauge",
    help: "Time to execute the command at a percentile in seconds, since the statistics were reset.",
    labels: { ...database, command: "configured", percentile: "configured" },
  },
  redis_slowlog_entries: { kind: "gauge", help: "Entries in the slow log.", labels: database },
  redis_latency_event_seconds: {
    kind: "gauge",
    help: "The latest latency spike of the event in seconds.",
    labels: { ...database, event: "configured" },
  },
  redis_latency_event_max_seconds: {
    kind: "gauge",
    help: "The longest latency spike of the event in seconds.",
    labels: { ...database, event: "configured" },
  },
  redis_latency_event_timestamp_seconds: {
    kind: "gauge",
    help: "When the event's latest latency spike was, in seconds since 1970.",
    labels: { ...database, event: "configured" },
  },
  redis_primary: { kind: "gauge", help: "1 when the server is a primary, 0 when it is a replica.", labels: database },
  redis_connected_replicas: { kind: "gauge", help: "Replicas that are connected.", labels: database },
  redis_replication_offset_bytes: {
    kind: "gauge",
    help: "Position in the replication stream in bytes.",
    labels: database,
  },
  redis_replica_lag_bytes: {
    needs: "connected replica",
    kind: "gauge",
    help: "What the replica furthest behind has not confirmed in bytes; absent without one.",
    labels: database,
  },
  redis_replica_lag_seconds: {
    needs: "connected replica",
    kind: "gauge",
    help: "How long ago a replica confirmed last in seconds, the longest; absent without one.",
    labels: database,
  },
  redis_replica_link_up: {
    needs: "replica",
    kind: "gauge",
    help: "1 when this replica hears its primary, 0 when it does not; absent on a primary.",
    labels: database,
  },
  redis_replica_last_contact_seconds: {
    needs: "replica",
    kind: "gauge",
    help: "Time since this replica heard its primary in seconds, -1 when it does not; absent on a primary.",
    labels: database,
  },
  redis_loading: { kind: "gauge", help: "1 while the server loads its data, 0 when it has.", labels: database },
  redis_rdb_changes_since_save: { kind: "gauge", help: "Changes since the last snapshot.", labels: database },
  redis_rdb_last_save_timestamp_seconds: {
    kind: "gauge",
    help: "When a snapshot was saved last, in seconds since 1970.",
    labels: database,
  },
  redis_rdb_save_in_progress: { kind: "gauge", help: "1 while a snapshot is being saved, else 0.", labels: database },
  redis_rdb_last_save_success: {
    kind: "gauge",
    help: "1 when the last snapshot was saved, 0 when it failed.",
    labels: database,
  },
  redis_aof_enabled: { kind: "gauge", help: "1 when the append-only file is on, 0 when it is off.", labels: database },
  redis_aof_size_bytes: {
    needs: "append-only file",
    kind: "gauge",
    help: "Size of the append-only file in bytes; absent when it is off.",
    labels: database,
  },
  redis_aof_last_write_success: {
    kind: "gauge",
    help: "1 when the last write to the append-only file succeeded, 0 when it failed.",
    labels: database,
  },
  redis_aof_last_rewrite_success: {
    kind: "gauge",
    help: "1 when the last rewrite of the append-only file succeeded, 0 when it failed.",
    labels: database,
  },
  redis_cluster_enabled: {
    kind: "gauge",
    help: "1 when the server is a node of a cluster, 0 when it is not.",
    labels: database,
  },
  redis_cluster_ok: {
    needs: "cluster",
    kind: "gauge",
    help: "1 when the cluster serves all keys, 0 when it does not.",
    labels: database,
  },
  redis_cluster_slots_assigned: {
    needs: "cluster",
    kind: "gauge",
    help: "Slots of the cluster that a node has; all are 16384.",
    labels: database,
  },
  redis_cluster_slots_ok: {
    needs: "cluster",
    kind: "gauge",
    help: "Slots of the cluster whose node is well.",
    labels: database,
  },
  redis_cluster_slots_suspected: {
    needs: "cluster",
    kind: "gauge",
    help: "Slots of the cluster whose node this node cannot reach.",
    labels: database,
  },
  redis_cluster_slots_failed: {
    needs: "cluster",
    kind: "gauge",
    help: "Slots of the cluster whose node has failed.",
    labels: database,
  },
  redis_cluster_size: {
    needs: "cluster",
    kind: "gauge",
    help: "Primaries of the cluster that have slots.",
    labels: database,
  },
  redis_cluster_epoch: {
    needs: "cluster",
    kind: "gauge",
    help: "The cluster's epoch: it grows with every failover.",
    labels: database,
  },
  redis_cluster_nodes: {
    needs: "cluster",
    kind: "gauge",
    help: "Nodes of the cluster by role and state, as this node sees them.",
    labels: { ...database, role: nodeRoles, state: nodeStates },
  },
} as const satisfies Rows;
