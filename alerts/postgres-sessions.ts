// PostgreSQL's sessions: connections that run out, transactions that stay open, sessions that wait for each other.
import { agg, promql, rate, sel } from "../telemetry/promql.ts";
import { beyond } from "./database-limits.ts";
import { always, gauge, growth, levels, type Measure } from "./database-measures.ts";
import { type Alert, counter, given, type Labels, limited, missing } from "./rule.ts";

const limitOf = agg("max", sel("pg_connections_limit"), "database");
/** Share of the connections open to ordinary roles; the states are added up. */
const taken: Measure = {
  expr: promql`${agg("sum", agg("max", sel("pg_connections"), "database", "state"), "database")} / ${limitOf}`,
  given: (labels, phases, { size }) => [
    levels("pg_connections", { ...labels, state: "active" }, phases, 60 * size),
    levels("pg_connections", { ...labels, state: "idle" }, phases, 40 * size),
    levels("pg_connections_limit", labels, always(phases, 100 * size)),
  ],
};

export const postgresSessionAlerts: readonly Alert[] = [
  beyond(taken, {
    name: "PostgresConnectionsNearLimit",
    measures: "Connections in use",
    for: "5m",
    severity: "ticket",
    limit: 0.8,
    unit: "ratio",
    shown: "90%",
    summary: "PostgreSQL {{ $labels.database }} has few connections left.",
    action: "See whose connections they are: a pool that is too large, or a client that does not close its own.",
  }),
  exhausted(),
  beyond(gauge("pg_longest_transaction_seconds"), {
    name: "PostgresTransactionLong",
    measures: "Open for",
    for: "5m",
    severity: "ticket",
    limit: 3_600,
    unit: "seconds",
    shown: "1h 30m",
    summary: "A transaction in PostgreSQL {{ $labels.database }} has been open for too long.",
    action: "Find it in pg_stat_activity by its xact_start; while it is open, vacuum removes nothing that it may see.",
  }),
  beyond(gauge("pg_longest_idle_in_transaction_seconds"), {
    name: "PostgresIdleInTransaction",
    measures: "Idle for",
    for: "1m",
    severity: "ticket",
    limit: 300,
    unit: "seconds",
    shown: "7m 30s",
    summary: "A client of PostgreSQL {{ $labels.database }} does nothing inside an open transaction.",
    action:
      "Find the client by its application_name: it forgot to commit, or waits for something else with locks in its hands.",
  }),
  beyond(gauge("pg_longest_blocked_seconds"), {
    name: "PostgresSessionsBlocked",
    measures: "Longest wait",
    for: "1m",
    severity: "ticket",
    limit: 60,
    unit: "seconds",
    shown: "1m 30s",
    summary: "Sessions of PostgreSQL {{ $labels.database }} wait for a lock and do not get it.",
    action: "Find who holds it with pg_blocking_pids; end that session if it does nothing.",
  }),
  beyond(growth("pg_deadlocks_total", "15m"), {
    name: "PostgresDeadlocks",
    measures: "Deadlocks in a quarter of an hour",
    for: "0s",
    severity: "ticket",
    limit: 5,
    unit: "count",
    shown: "8",
    summary: "Transactions in PostgreSQL {{ $labels.database }} deadlock again and again.",
    action: "The server's log has both statements of each: let them lock in the same order.",
  }),
];

/** Either the server says so itself, or it turned us away (53300). */
function exhausted(): Alert {
  const refused = agg("max", rate("pg_connection_failures_total", "2m", { cause: "full" }), "database");
  // Where pools come and go, all of them are never taken for long, and clients are turned away all the same: then none is left.
  const full = limited(0.95, "ratio", (value) => promql`${taken.expr} >= ${value} or sgn(${refused}) > 0`);
  const clinic = { database: "clinic" } as const;
  const at = (ordinal: number): Labels => ({ job: "db-stats", instance: `db-stats-${ordinal}` });
  const failures = (ordinal: number, values: string, cause: "full" | "auth" = "full", database = "clinic") =>
    given("pg_connection_failures_total", { database, cause, ...at(ordinal) }, values);
  const whole = { guard: [], size: 1 };
  const text = full.expr.text;
  return {
    ...full,
    name: "PostgresConnectionsExhausted",
    measures: "Connections in use",
    for: "30s",
    keepFiringFor: "2m",
    severity: "page",
    owner: "platform",
    service: "{{ $labels.database }}",
    panel: { dashboard: "vitals-postgres" },
    summary: "PostgreSQL {{ $labels.database }} has hardly a connection left for anybody but a superuser.",
    action: "As a superuser, end idle sessions of the client that has most of them; then find why it took so many.",
    equivalent: {
      [`${text.lastIndexOf("max")} max -> sum`]: "A sum of rates is above 0 exactly when one is.",
      [`${text.indexOf("rate")} rate -> increase`]: "Both are above 0 together.",
    },
    proofs: [
      {
        says: "fires half a minute after hardly a connection was left, and resolves two minutes after one is free",
        given: [
          ...taken.given(
            { ...clinic, ...at(0) },
            [
              [3, 0.9],
              [20, 0.95],
              [40, 0.9],
            ],
            whole,
          ),
          ...taken.given({ ...clinic, ...at(1) }, [[60, 0]], whole),
          ...taken.given({ database: "billing", ...at(0) }, [[60, 0.8]], whole),
          ...taken.given({ database: "billing", ...at(1) }, [[60, 0.8]], { ...whole, size: 0.5 }),
        ],
        firing: { "1m15s": [], "1m30s": [clinic], "5m45s": [clinic], "7m45s": [clinic], "8m": [] },
        text: {
          at: "1m30s",
          summary: "PostgreSQL clinic has hardly a connection left for anybody but a superuser.",
          value: "95%",
        },
      },
      {
        says: "fires when the server turns us away, and resolves when that is over",
        given: [
          failures(
            0,
            counter(
              [
                [9, 0],
                [4, 1],
                [60, 0],
              ],
              7,
            ),
          ),
          failures(1, "7x80"),
          failures(
            0,
            counter(
              [
                [9, 0],
                [60, 1],
              ],
              7,
            ),
            "auth",
            "billing",
          ),
        ],
        firing: { "2m45s": [], "3m": [clinic], "4m45s": [clinic], "6m45s": [clinic], "7m": [] },
      },
      {
        says: "is silent where no PostgreSQL is watched",
        given: [missing("pg_connections", clinic), missing("pg_connection_failures_total", clinic)],
        firing: { "1m": [], "10m": [] },
      },
    ],
  };
}
