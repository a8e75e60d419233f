// A PostgreSQL with a standby as db-stats shows it.
import { clock, counter, type Series, wave } from "./series.ts";

/** A primary with one standby, and two tables. */
export const postgres: readonly Series[] = [
  ...(
    [
      ["pg_longest_transaction_seconds", (at) => at % 700],
      ["pg_longest_idle_in_transaction_seconds", (at) => at % 90],
      ["pg_longest_blocked_seconds", (at) => (at % 900 < 120 ? at % 120 : 0)],
      ["pg_sessions_blocked", (at) => (at % 900 < 120 ? 3 : 0)],
      ["pg_sessions_blocking", (at) => (at % 900 < 120 ? 1 : 0)],
      ["pg_deadlocks_total", (at) => Math.floor((at - clock.epoch) / 4_000)],
      ["pg_transactions_committed_total", counter(130)],
      ["pg_transactions_rolled_back_total", counter(0.4)],
      ["pg_blocks_hit_total", counter(9_000)],
      ["pg_blocks_read_total", counter(70, 2)],
      // As the recording rule has it.
      ["database:pg_blocks_hit:ratio_rate5m", (at) => 0.985 + 0.01 * wave(at, 2_000)],
      ["pg_temp_written_bytes_total", counter(40_000)],
      ["pg_size_bytes", (at) => 41e9 + (at - clock.epoch) * 2_000],
      ["pg_wal_files_size_bytes", () => 1_073_741_824],
      ["pg_dead_rows", (at) => 4e5 * wave(at, 3_600)],
      ["pg_live_rows", () => 9e6],
      ["pg_replica_lag_seconds", (at) => 0.2 * wave(at, 500)],
      ["pg_replica_lag_bytes", (at) => 4e6 * wave(at, 500)],
    ] as const satisfies readonly (readonly [string, Series[2]])[]
  ).map(([name, value]): Series => [name, { database: "clinic" }, value]),
  ...["-4711", "815", "other"].map(
    (queryid, index): Series => [
      "pg_statement_seconds_total",
      { database: "clinic", queryid },
      counter(0.4 / (index + 1), index),
    ],
  ),
  ["pg_replicas", { database: "clinic", state: "streaming" }, () => 1],
  ["pg_replication_slot_retained_bytes", { database: "clinic", slot: "standby" }, () => 33_554_432],
  ...["patients", "appointments"].flatMap((table, index): readonly Series[] => {
    const labels = { database: "clinic", schema: "public", table };
    return [
      ["pg_table_size_bytes", labels, () => 12e9 / (index + 1)],
      ["pg_table_indexes_size_bytes", labels, () => 4e9 / (index + 1)],
      ["pg_table_live_rows", labels, () => 6e6 / (index + 1)],
      ["pg_table_dead_rows", labels, (at) => (2e5 * wave(at, 3_600)) / (index + 1)],
    ];
  }),
];
