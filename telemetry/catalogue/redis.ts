// What db-stats says of Redis. `database` is the configured id.
import { collectorCauses } from "./exporter.ts";
import { connectionCauses } from "./postgres.ts";
import type { Rows } from "./row.ts";

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
} as const satisfies Rows;
