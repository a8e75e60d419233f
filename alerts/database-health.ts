// Databases that answer, but will not for long: data that no longer reaches a replica or the disk, transaction ids that run out.
import { agg, promql, sel } from "../telemetry/promql.ts";
import { type Alert, given, limited, missing, type Proof, sumOfFlags } from "./rule.ts";

const panel = { dashboard: "vitals-overview" } as const;
const seenBy = (ordinal: number) => ({ job: "db-stats", instance: `db-stats-${ordinal}` });
const cache = { database: "cache" } as const;
const clinic = { database: "clinic" } as const;

/** Of a flag that is 1 while all is well, after two minutes of 0; a minute more until it resolves. */
const provenBy = (
  flag: "redis_replica_link_up" | "redis_rdb_last_save_success",
  summary: string,
): readonly [Proof, ...Proof[]] => [
  {
    says: "fires after two minutes, and resolves a minute after it is well again",
    given: [
      given(flag, { ...cache, ...seenBy(0) }, "1x3 0x11 1x40"),
      given(flag, { database: "sessions", ...seenBy(0) }, "1x60"),
    ],
    firing: { "2m45s": [], "3m": [cache], "3m45s": [cache], "4m45s": [cache], "5m": [] },
    text: { at: "3m", summary, value: "0" },
  },
  {
    says: "is silent while one of two exporters sees it well",
    given: [given(flag, { ...cache, ...seenBy(0) }, "0x40"), given(flag, { ...cache, ...seenBy(1) }, "1x40")],
    firing: { "1m": [], "10m": [] },
  },
  { says: "is silent where there is none", given: [missing(flag, cache)], firing: { "1m": [], "10m": [] } },
];

const common = {
  for: "2m",
  keepFiringFor: "1m",
  owner: "platform",
  service: "{{ $labels.database }}",
  panel,
} as const;
const cutOffSummary = "The Redis replica cache does not hear its primary.";
const unsavedSummary = "Redis cache could not save its last snapshot.";

export const databaseHealthAlerts: readonly Alert[] = [
  {
    ...common,
    name: "RedisReplicaCutOff",
    expr: promql`${agg("max", sel("redis_replica_link_up"), "database")} == 0`,
    severity: "ticket",
    summary: "The Redis replica {{ $labels.database }} does not hear its primary.",
    action:
      "See whether the primary runs and the replica reaches it; what it serves is old, and a failover to it would lose data.",
    equivalent: { "0 max -> sum": sumOfFlags },
    proofs: provenBy("redis_replica_link_up", cutOffSummary),
  },
  {
    ...common,
    name: "RedisSnapshotFailing",
    expr: promql`${agg("max", sel("redis_rdb_last_save_success"), "database")} == 0`,
    severity: "ticket",
    summary: "Redis {{ $labels.database }} could not save its last snapshot.",
    action:
      "Look for a full disk or too little memory for the fork; by default Redis refuses writes until a snapshot succeeds.",
    equivalent: { "0 max -> sum": sumOfFlags },
    proofs: provenBy("redis_rdb_last_save_success", unsavedSummary),
  },
  {
    ...common,
    name: "PostgresWraparoundNear",
    // Vacuum begins by itself at 200 million; the server stops to take writes shortly before 2^31.
    ...limited(
      1_000_000_000,
      "number",
      (value) => promql`${agg("max", sel("pg_server_frozen_age_xids"), "database")} > ${value}`,
    ),
    severity: "ticket",
    summary: "PostgreSQL {{ $labels.database }} is halfway to running out of transaction ids.",
    action:
      "See what keeps vacuum from freezing rows: a long transaction, a replication slot or a prepared transaction.",
    proofs: [
      {
        says: "fires two minutes after the limit is crossed, and resolves a minute after the rows are frozen",
        given: [
          given("pg_server_frozen_age_xids", { ...clinic, ...seenBy(0) }, "1000000000x3 1100000000x11 200000000x40"),
          given("pg_server_frozen_age_xids", { ...clinic, ...seenBy(1) }, "200000000x60"),
          given("pg_server_frozen_age_xids", { database: "billing", ...seenBy(0) }, "900000000x60"),
        ],
        firing: { "45s": [], "2m45s": [], "3m": [clinic], "3m45s": [clinic], "4m45s": [clinic], "5m": [] },
        text: {
          at: "3m",
          summary: "PostgreSQL clinic is halfway to running out of transaction ids.",
          value: "1.1G",
        },
      },
      {
        says: "is silent at the limit, and where two exporters see the same half of it",
        given: [
          given("pg_server_frozen_age_xids", { ...clinic, ...seenBy(0) }, "1000000000x40"),
          given("pg_server_frozen_age_xids", { database: "billing", ...seenBy(0) }, "600000000x40"),
          given("pg_server_frozen_age_xids", { database: "billing", ...seenBy(1) }, "600000000x40"),
        ],
        firing: { "1m": [], "10m": [] },
      },
      {
        says: "is silent where no PostgreSQL is watched",
        given: [missing("pg_server_frozen_age_xids", clinic)],
        firing: { "1m": [], "10m": [] },
      },
    ],
  },
];
