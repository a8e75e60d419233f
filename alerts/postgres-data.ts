// PostgreSQL's data: transaction ids that run out, pages that are broken, dead rows, sequences near their end, reads past the buffers.
import { agg, promql, rate, sel } from "../telemetry/promql.ts";
import { beyond } from "./database-limits.ts";
import { always, gauge, levels, type Measure, rates } from "./database-measures.ts";
import { type Alert, given, missing } from "./rule.ts";

const frozen =
  "See what keeps vacuum from freezing rows: a long transaction, a replication slot or a prepared transaction.";

const deadPerLive: Measure = {
  expr: promql`${agg("max", sel("pg_dead_rows"), "database")} / ${agg("max", sel("pg_live_rows"), "database")}`,
  given: (labels, phases, { guard, size }) => {
    const live = (size * (guard[0]?.[1] ?? 0)) / 0.3;
    return [levels("pg_dead_rows", labels, phases, live), levels("pg_live_rows", labels, always(phases, live))];
  },
};

const missed: Measure = {
  expr: promql`1 - ${sel("database:pg_blocks_hit:ratio_rate5m")}`,
  byChance: true,
  given: (labels, phases, { guard }) => {
    const { database = "", instance } = labels;
    // What is recorded is recorded once, however many exporters there are.
    const found = phases.map(([samples, level]) => [samples, 1 - level] as const);
    return [
      ...(instance === "db-stats-0" ? [levels("database:pg_blocks_hit:ratio_rate5m", { database }, found)] : []),
      rates("pg_blocks_read_total", labels, guard),
    ];
  },
};

export const postgresDataAlerts: readonly Alert[] = [
  beyond(gauge("pg_server_frozen_age_xids"), {
    name: "PostgresWraparoundNear",
    measures: "Age in transactions",
    for: "2m",
    severity: "ticket",
    // Vacuum begins by itself at 200 million; the server stops to take writes shortly before 2^31.
    limit: 1_000_000_000,
    shown: "1.5G",
    summary: "PostgreSQL {{ $labels.database }} is halfway to running out of transaction ids.",
    action: frozen,
  }),
  beyond(gauge("pg_server_frozen_age_multixacts"), {
    name: "PostgresMultixactsNear",
    measures: "Age in multixacts",
    for: "2m",
    severity: "ticket",
    // As with transaction ids, of which these are the groups that lock a row together.
    limit: 1_000_000_000,
    shown: "1.5G",
    summary: "PostgreSQL {{ $labels.database }} is halfway to running out of multixact ids.",
    action: frozen,
  }),
  beyond(gauge("pg_server_frozen_age_xids"), {
    name: "PostgresWraparoundImminent",
    measures: "Age in transactions",
    for: "0s",
    severity: "page",
    // Four fifths of the way: hours to days are left, as much as is written.
    limit: 1_700_000_000,
    most: 2 ** 31,
    shown: "1.924G",
    summary: "PostgreSQL {{ $labels.database }} will soon refuse everything that writes: its transaction ids run out.",
    action: frozen,
  }),
  corrupt(),
  beyond(deadPerLive, {
    name: "PostgresDeadRows",
    measures: "Dead rows to live ones",
    for: "30m",
    severity: "ticket",
    limit: 0.2,
    unit: "ratio",
    shown: "30%",
    guard: { expr: agg("max", sel("pg_dead_rows"), "database"), least: 150_000 },
    summary: "PostgreSQL {{ $labels.database }} has a dead row for every five live ones, and nobody removes them.",
    action: "See whether autovacuum runs and on which tables, and what keeps it from removing rows.",
  }),
  beyond(missed, {
    name: "PostgresCacheHitLow",
    measures: "Misses",
    for: "15m",
    severity: "ticket",
    limit: 0.1,
    unit: "ratio",
    shown: "15%",
    // Eight megabytes a second.
    guard: { expr: agg("max", rate("pg_blocks_read_total", "5m"), "database"), least: 1_000, range: "5m" },
    summary: "PostgreSQL {{ $labels.database }} reads more than a tenth of its blocks past its buffers.",
    action: "Find the statement that reads most; then see whether shared_buffers is right for what is used.",
  }),
  beyond(gauge("pg_sequence_used_ratio", { schema: "public", sequence: "visit_id_seq" }), {
    name: "PostgresSequenceNearEnd",
    measures: "Used up",
    for: "5m",
    severity: "ticket",
    limit: 0.8,
    unit: "ratio",
    shown: "90%",
    summary: "The sequence {{ $labels.schema }}.{{ $labels.sequence }} of {{ $labels.database }} is nearly used up.",
    action: "Widen it and the column it fills to bigint before it ends: from then on every insert fails.",
  }),
];

/** A page was broken within the last hour: what a time says cannot be lost with a counter that starts anew. */
function corrupt(): Alert {
  const clinic = { database: "clinic" } as const;
  const last = (values: string, ordinal: number, database = "clinic") =>
    given(
      "pg_checksum_last_failure_timestamp_seconds",
      { database, job: "db-stats", instance: `db-stats-${ordinal}` },
      values,
    );
  return {
    name: "PostgresChecksumFailure",
    measures: "Since the last one",
    expr: promql`time() - ${agg("max", sel("pg_checksum_last_failure_timestamp_seconds"), "database")} < 3600`,
    for: "0s",
    keepFiringFor: "5m",
    severity: "page",
    owner: "platform",
    service: "{{ $labels.database }}",
    unit: "seconds",
    panel: { dashboard: "vitals-postgres" },
    summary: "PostgreSQL {{ $labels.database }} found a page on disk that is not as it was written.",
    action: "Do not restart anything: secure a backup, and have the disk and memory of the machine looked at.",
    proofs: [
      {
        says: "fires when a failure is found, for an hour",
        given: [last("_x10 150x300", 0), last("_x10 30x300", 1)],
        firing: {
          "2m15s": [],
          "2m30s": [clinic],
          "3735s": [clinic],
          // The hour is over; five minutes more until it resolves.
          "4035s": [clinic],
          "4050s": [],
        },
        text: {
          at: "2m30s",
          summary: "PostgreSQL clinic found a page on disk that is not as it was written.",
          value: "0s",
        },
      },
      {
        says: "is silent where no page was ever broken",
        given: [missing("pg_checksum_last_failure_timestamp_seconds", clinic)],
        firing: { "1m": [], "10m": [] },
      },
    ],
  };
}
