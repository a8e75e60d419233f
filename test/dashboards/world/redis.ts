// Two Redis databases as db-stats shows them.
import { counter, type Series, wave } from "./series.ts";

/** A cache that stands alone, and a node of a cluster with a replica. */
export const redis: readonly Series[] = [
  ...["cache", "sessions"].flatMap((database, index) =>
    (
      [
        ["redis_up", () => 1],
        ["redis_rdb_last_save_success", () => 1],
        ["redis_aof_last_write_success", () => 1],
        ["redis_replica_link_up", () => 1],
        ["redis_commands_processed_total", counter(310 / (index + 1))],
        ["redis_error_replies_total", counter(0.2)],
        ["redis_keyspace_hits_total", counter(200)],
        ["redis_keyspace_misses_total", counter(30, 1)],
        ["redis_keys", (at) => 40_000 + 9_000 * wave(at, 2_000, index)],
        ["redis_expired_keys_total", counter(12)],
        ["redis_evicted_keys_total", counter(3, 2)],
        ["redis_memory_used_bytes", (at) => (150 + 60 * wave(at, 2_000, index)) * 1_048_576],
        ["redis_memory_resident_bytes", (at) => (180 + 66 * wave(at, 2_000, index)) * 1_048_576],
        ["redis_memory_max_bytes", () => 268_435_456],
        ["redis_memory_fragmentation_ratio", (at) => 1.1 + 0.2 * wave(at, 3_000)],
        ["redis_connected_clients", (at) => Math.round(20 + 6 * wave(at, 900))],
        ["redis_blocked_clients", (at) => Math.round(wave(at, 900))],
        ["redis_clients_limit", () => 100],
        ["redis_connections_rejected_total", () => 0],
        ["redis_slowlog_entries", () => 2],
        ["redis_rdb_changes_since_save", (at) => at % 1_300],
        ["redis_aof_size_bytes", (at) => 3e6 + (at % 5_000) * 900],
        ["redis_replica_lag_bytes", (at) => 3_000 * wave(at, 500)],
        ["redis_cluster_slots_ok", () => 16_384],
        ["redis_cluster_slots_suspected", () => 0],
        ["redis_cluster_slots_failed", () => 0],
      ] as const satisfies readonly (readonly [string, Series[2]])[]
    )
      .filter(([name]) => database === "sessions" || !/cluster|replica|aof/.test(name))
      .map(([name, value]): Series => [name, { database }, value]),
  ),
  ...["get", "set", "mget"].flatMap((command, index): readonly Series[] => {
    const labels = { database: "cache", command };
    return [
      ["redis_command_calls_total", labels, counter(90 / (index + 1), index)],
      ["redis_command_seconds_total", labels, counter(0.002 / (index + 1), index)],
    ];
  }),
  ...["primary", "replica"].map(
    (role): Series => ["redis_cluster_nodes", { database: "sessions", role, state: "ok" }, () => 3],
  ),
];
