// The databases themselves, as db-stats sees them: a server that does not answer.
import { agg, promql, sel } from "../telemetry/promql.ts";
import { type Alert, given, missing, sumOfFlags } from "./rule.ts";

const panel = { dashboard: "vitals-overview" } as const;
const seenBy = (ordinal: number) => ({ job: "db-stats", instance: `db-stats-${ordinal}` });
const cache = { database: "cache" } as const;
const clinic = { database: "clinic" } as const;

export const databaseAlerts: readonly Alert[] = [
  {
    name: "RedisDown",
    // `max`: down is what every exporter that watches it says.
    expr: promql`${agg("max", sel("redis_up"), "database")} == 0`,
    for: "30s",
    keepFiringFor: "1m",
    severity: "page",
    owner: "platform",
    service: "{{ $labels.database }}",
    summary: "The Redis server {{ $labels.database }} does not answer.",
    action: "See whether its process runs; what uses it goes to the databases directly until it is back.",
    panel,
    equivalent: { "0 max -> sum": sumOfFlags },
    proofs: [
      {
        says: "fires thirty seconds after Redis stops, and resolves a minute after it answers again",
        given: [
          given("redis_up", { ...cache, ...seenBy(0) }, "1x3 0x11 1x40"),
          given("redis_up", { database: "sessions", ...seenBy(0) }, "1x60"),
        ],
        firing: { "45s": [], "1m15s": [], "1m30s": [cache], "3m45s": [cache], "4m45s": [cache], "5m": [] },
        text: { at: "1m30s", summary: "The Redis server cache does not answer.", value: "0" },
      },
      {
        says: "is silent while one of two exporters still reaches it",
        given: [
          given("redis_up", { ...cache, ...seenBy(0) }, "0x40"),
          given("redis_up", { ...cache, ...seenBy(1) }, "1x40"),
        ],
        firing: { "1m": [], "10m": [] },
      },
      {
        says: "is silent where no Redis is watched",
        given: [missing("redis_up", cache)],
        firing: { "1m": [], "10m": [] },
      },
    ],
  },
  {
    name: "PostgresDown",
    expr: promql`${agg("max", sel("pg_up"), "database")} == 0`,
    for: "30s",
    keepFiringFor: "1m",
    severity: "page",
    owner: "platform",
    service: "{{ $labels.database }}",
    summary: "The PostgreSQL server {{ $labels.database }} does not answer a query.",
    action: "See whether the server runs, accepts connections and has disk space left.",
    panel,
    equivalent: { "0 max -> sum": sumOfFlags },
    proofs: [
      {
        says: "fires thirty seconds after PostgreSQL stops, and resolves a minute after it answers again",
        given: [
          given("pg_up", { ...clinic, ...seenBy(0) }, "1x3 0x11 1x40"),
          given("pg_up", { database: "billing", ...seenBy(0) }, "1x60"),
        ],
        firing: { "45s": [], "1m15s": [], "1m30s": [clinic], "3m45s": [clinic], "4m45s": [clinic], "5m": [] },
        text: { at: "1m30s", summary: "The PostgreSQL server clinic does not answer a query.", value: "0" },
      },
      {
        says: "is silent while one of two exporters still reaches it",
        given: [
          given("pg_up", { ...clinic, ...seenBy(0) }, "0x40"),
          given("pg_up", { ...clinic, ...seenBy(1) }, "1x40"),
        ],
        firing: { "1m": [], "10m": [] },
      },
      {
        says: "is silent where no PostgreSQL is watched",
        given: [missing("pg_up", clinic)],
        firing: { "1m": [], "10m": [] },
      },
    ],
  },
];
