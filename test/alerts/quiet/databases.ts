// How the databases' metrics go on a day on which nothing is wrong: batches, backups, slow queries and single refusals included.
import type { Series } from "../../../telemetry/promql.ts";
import { always, around, type Course, counts, type Labels, type Level, mostly, rarely } from "./courses.ts";
import { busy, stepSeconds } from "./day.ts";

const of = (database: string, course: Course, each: readonly Labels[] = [{}]): Level => ({
  jobs: ["db-stats"],
  labels: each.map((labels) => ({ database, ...labels })),
  course,
});
const postgres = (course: Course, each?: readonly Labels[]): Level => of("demo-postgres", course, each);
const redis = (course: Course, each?: readonly Labels[]): Level => of("redis", course, each);

/** Something that lasts begins in this share of the scrapes, and is over at an age of so many seconds. */
const lasting =
  (share: number, longest: number): Course =>
  (_, draws, before) =>
    before > 0 ? (before < longest ? before + stepSeconds : 0) : draws.fraction() < share ? stepSeconds : 0;
/** So much when people are busiest, and this part of it at least. */
const busiest =
  (most: number, least: number): Course =>
  ({ hour }, draws) =>
    Math.round(most * Math.max(least, busy(hour)) * (0.8 + 0.2 * draws.fraction()));
const commands = ["get", "set"].map((command) => ({ command }));

export const databases = {
  pg_up: postgres(mostly(1, 0, 0.000_5)),
  pg_connection_failures_total: postgres(rarely(0.000_5), [{ cause: "connect" }]),
  pg_connections: postgres(busiest(30, 0.2), [{ state: "active" }, { state: "idle" }]),
  pg_connections_limit: postgres(always(97)),
  // A backup takes three quarters of an hour.
  pg_longest_transaction_seconds: postgres(lasting(0.001, 2_700)),
  pg_longest_idle_in_transaction_seconds: postgres(lasting(0.01, 45)),
  pg_longest_blocked_seconds: postgres(lasting(0.01, 30)),
  pg_deadlocks_total: postgres(rarely(0.002)),
  pg_blocks_hit_total: postgres(counts(9_000)),
  pg_blocks_read_total: postgres(counts(120)),
  pg_checksum_last_failure_timestamp_seconds: { jobs: [], course: always(0) },
  pg_server_frozen_age_xids: postgres(({ hour }) => 5e7 + hour * 1e6),
  pg_server_frozen_age_multixacts: postgres(({ hour }) => 1e6 + hour * 1e4),
  pg_dead_rows: postgres(around(300_000, 0.9)),
  pg_live_rows: postgres(around(9e6, 0.01)),
  pg_sequence_used_ratio: postgres(always(0.31), [{ schema: "clinic", sequence: "visits_id_seq" }]),
  pg_replica_lag_seconds: postgres(mostly(0.2, 70, 0.001)),
  pg_standby_lag_seconds: of("standby", mostly(0, 90, 0.001)),
  pg_standby_receiving: of("standby", mostly(1, 0, 0.000_5)),
  pg_replication_slot_lost: postgres(always(0), [{ slot: "standby" }]),
  pg_replication_slot_retained_bytes: postgres(around(64 * 2 ** 20, 0.9), [{ slot: "standby" }]),
  // What fails is tried again within a minute.
  pg_archived_files_total: postgres(rarely(0.25)),
  pg_archive_failures_total: postgres(rarely(0.001)),
  redis_up: redis(mostly(1, 0, 0.000_5)),
  // A cache that evicts is full.
  redis_memory_used_bytes: redis(around(254 * 2 ** 20, 0.005)),
  redis_memory_max_bytes: redis(always(256 * 2 ** 20)),
  redis_memory_refuses_when_full: redis(always(0)),
  redis_memory_resident_bytes: redis(around(300 * 2 ** 20, 0.05)),
  redis_memory_fragmentation_ratio: redis(around(1.4, 0.3)),
  redis_evicted_keys_total: redis(counts(20)),
  redis_connected_clients: redis(busiest(90, 0.4)),
  redis_clients_limit: redis(always(10_000)),
  redis_connections_rejected_total: redis(always(0)),
  redis_command_calls_total: redis(counts(200), commands),
  redis_command_seconds_total: redis(counts(0.1), commands),
  redis_replica_link_up: redis(mostly(1, 0, 0.000_5)),
  redis_rdb_last_save_success: redis(always(1)),
  redis_aof_last_write_success: redis(always(1)),
  redis_cluster_ok: redis(mostly(1, 0, 0.000_5)),
  redis_cluster_slots_failed: redis(always(0)),
} as const satisfies { readonly [S in Series]?: Level };
