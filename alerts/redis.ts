// Redis servers that answer, but are not well: memory, clients, disk, replicas, cluster, speed.
import { agg, promql, rate, sel } from "../telemetry/promql.ts";
import { fallen, happened } from "./database-flags.ts";
import { beyond } from "./database-limits.ts";
import { always, gauge, levels, type Measure, type Phase, perSecond, rates } from "./database-measures.ts";
import type { Alert } from "./rule.ts";

const filled: Measure = {
  expr: promql`${agg("max", sel("redis_memory_used_bytes"), "database")} / ${agg("max", sel("redis_memory_max_bytes"), "database")}`,
  given: (labels, phases, { guard, size }) => [
    levels("redis_memory_used_bytes", labels, phases, 2 ** 30 * size),
    levels("redis_memory_max_bytes", labels, always(phases, 2 ** 30 * size)),
    levels("redis_memory_refuses_when_full", labels, guard),
  ],
};

const clients: Measure = {
  expr: promql`${agg("max", sel("redis_connected_clients"), "database")} / ${agg("max", sel("redis_clients_limit"), "database")}`,
  given: (labels, phases, { size }) => [
    levels("redis_connected_clients", labels, phases, 1_000 * size),
    levels("redis_clients_limit", labels, always(phases, 1_000 * size)),
  ],
};

const fragmented: Measure = {
  expr: agg("max", sel("redis_memory_fragmentation_ratio"), "database"),
  given: (labels, phases, { guard }) => [
    levels("redis_memory_fragmentation_ratio", labels, phases),
    levels("redis_memory_resident_bytes", labels, guard),
  ],
};

const ofAllCommands = (series: "redis_command_seconds_total" | "redis_command_calls_total") =>
  agg("sum", agg("max", rate(series, "5m"), "database", "command"), "database");
const calls = ofAllCommands("redis_command_calls_total");
const perCall: Measure = {
  expr: promql`${ofAllCommands("redis_command_seconds_total")} / ${calls}`,
  range: "5m",
  byChance: true,
  given: (labels, phases, { guard, size }) => {
    const [first, ...rest] = phases;
    const often = guard[0]?.[1] ?? 0;
    // Either how slow they are changes, or how many there are.
    const spent: readonly Phase[] =
      rest.length === 0
        ? guard.map(([samples, calls]) => [samples, calls * (first?.[1] ?? 0)])
        : phases.map(([samples, each]) => [samples, often * each]);
    return (
      [
        ["get", 0.75 * size],
        ["set", 0.25 * size],
      ] as const
    ).flatMap(([command, weight]) => [
      rates("redis_command_seconds_total", { ...labels, command }, spent, weight),
      rates("redis_command_calls_total", { ...labels, command }, guard, weight),
    ]);
  },
};

export const redisAlerts: readonly Alert[] = [
  fallen("redis_replica_link_up", {
    name: "RedisReplicaCutOff",
    for: "2m",
    severity: "ticket",
    summary: "The Redis replica {{ $labels.database }} does not hear its primary.",
    action:
      "See whether the primary runs and the replica reaches it; what it serves is old, and a failover to it would lose data.",
  }),
  fallen("redis_rdb_last_save_success", {
    name: "RedisSnapshotFailing",
    for: "2m",
    severity: "ticket",
    summary: "Redis {{ $labels.database }} could not save its last snapshot.",
    action:
      "Look for a full disk or too little memory for the fork; by default Redis refuses writes until a snapshot succeeds.",
  }),
  fallen("redis_aof_last_write_success", {
    name: "RedisAofFailing",
    for: "1m",
    severity: "page",
    summary: "Redis {{ $labels.database }} cannot write its append-only file.",
    action: "Free space on its volume: meanwhile it refuses every write.",
  }),
  fallen("redis_cluster_ok", {
    name: "RedisClusterDown",
    for: "30s",
    severity: "page",
    summary: "The Redis cluster does not serve all keys, says its node {{ $labels.database }}.",
    action: "See with CLUSTER NODES which primary failed without a replica, or which slots nobody has.",
  }),
  beyond(gauge("redis_cluster_slots_failed"), {
    name: "RedisClusterSlotsFailing",
    measures: "Failed slots",
    for: "30s",
    severity: "page",
    limit: 0,
    shown: "1",
    summary: "Slots of the Redis cluster have failed, says its node {{ $labels.database }}.",
    action: "See with CLUSTER NODES which primary failed without a replica; its keys cannot be read or written.",
  }),
  beyond(filled, {
    name: "RedisMemoryNearLimit",
    measures: "Memory in use",
    for: "5m",
    severity: "ticket",
    limit: 0.9,
    unit: "ratio",
    shown: "95%",
    // Where keys make room for others, a full server is as it should be.
    guard: { expr: agg("max", sel("redis_memory_refuses_when_full"), "database"), least: 0 },
    summary: "Redis {{ $labels.database }} has little memory left, and refuses writes when it is full.",
    action: "See which keys have grown and whether they end; then raise maxmemory, or let it evict.",
  }),
  beyond(perSecond("redis_evicted_keys_total", "5m"), {
    name: "RedisEvicting",
    measures: "Keys a second",
    for: "15m",
    severity: "ticket",
    limit: 100,
    shown: "150",
    summary: "Redis {{ $labels.database }} throws keys out all the time to make room for others.",
    action: "Look at the hit ratio of what uses it: raise maxmemory, or keep less or shorter.",
  }),
  beyond(fragmented, {
    name: "RedisFragmented",
    measures: "Times what its data needs",
    for: "30m",
    severity: "ticket",
    limit: 1.5,
    shown: "2.25",
    guard: { expr: agg("max", sel("redis_memory_resident_bytes"), "database"), least: 2 ** 30 },
    summary: "Redis {{ $labels.database }} holds much more memory than its data needs.",
    action: "Switch activedefrag on, or restart it when its data has a copy.",
  }),
  beyond(clients, {
    name: "RedisClientsNearLimit",
    measures: "Connections in use",
    for: "5m",
    severity: "ticket",
    limit: 0.8,
    unit: "ratio",
    shown: "90%",
    summary: "Redis {{ $labels.database }} has few connections left.",
    action: "See with CLIENT LIST whose they are: a pool that is too large, or a client that does not close its own.",
  }),
  happened("redis_connections_rejected_total", "5m", {
    name: "RedisClientsRejected",
    measures: "Turned away in five minutes",
    for: "0s",
    severity: "page",
    summary: "Redis {{ $labels.database }} turns clients away: it has as many as it may have.",
    action: "End those of the client that has most, or raise maxclients; then find why there are so many.",
  }),
  beyond(perCall, {
    name: "RedisCommandsSlow",
    measures: "Mean time",
    for: "10m",
    severity: "ticket",
    limit: 0.005,
    unit: "seconds",
    shown: "7.5ms",
    guard: { expr: calls, least: 10, range: "5m" },
    summary: "Redis {{ $labels.database }} needs more than five milliseconds for a command on average.",
    action: "See in SLOWLOG GET which command it is: one that looks at all keys, or one on a very large value.",
  }),
];
