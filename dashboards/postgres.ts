// PostgreSQL as db-stats sees it: connections, transactions, locks, buffers, space, replication.
import { agg, type CounterSeries, promql, rate, type Series, sel } from "../telemetry/promql.ts";
import {
  type DashboardLeaf,
  has,
  labelVariable,
  noneIsGood,
  query,
  type RowSpec,
  stat,
  type Thresholds,
  timeSeries,
} from "./panels.ts";
import { table } from "./table.ts";

export const postgres: DashboardLeaf = {
  name: "postgres",
  title: "PostgreSQL",
  description: "Each PostgreSQL: connections, transactions, who waits for whom, buffers, space, replication.",
  variables: () => [
    labelVariable({
      name: "database",
      label: "Database",
      description: "The databases that the panels show.",
      metric: "pg_up",
    }),
  ],
  rows: (input) => (has(input).postgres ? [headline, sessions, work, space, replication] : []),
};

const window = "$__rate_interval";
const chosen = { database: { matches: "$database" } } as const;
// `max`: two exporters that watch the same server say the same.
const worst = (series: Extract<Series, `pg_${string}`>) => agg("max", sel(series, chosen), "database");
const perSecond = (series: Extract<CounterSeries, `pg_${string}`>) =>
  agg("max", rate(series, window, chosen), "database");

const byState = agg("max", sel("pg_connections", chosen), "database", "state");
const taken = promql`${agg("sum", byState, "database")} / ${worst("pg_connections_limit")}`;
const hits = perSecond("pg_blocks_hit_total");
const fromBuffers = promql`${hits} / (${hits} + ${perSecond("pg_blocks_read_total")})`;
const deadRows = worst("pg_dead_rows");
const deadShare = promql`${deadRows} / clamp_min(${deadRows} + ${worst("pg_live_rows")}, 1)`;
const fill: Thresholds = ["green", [0.8, "orange"], [0.95, "red"]];
const alone = "No standby";

const headline: RowSpec = {
  panels: [
    stat("down", {
      title: "Not answering",
      description: "Databases that do not answer a query of db-stats now.",
      unit: "none",
      thresholds: noneIsGood,
      queries: [query(agg("sum", promql`${worst("pg_up")} == bool 0`), "down")],
    }),
    stat("taken", {
      title: "Connections taken",
      description: "Share of the connections that the fullest server accepts and that are taken.",
      unit: "percentunit",
      decimals: 0,
      thresholds: fill,
      history: true,
      queries: [query(agg("max", taken), "taken")],
    }),
    stat("buffers", {
      title: "Cache hit",
      description: "Share of the blocks found in the server's buffers, in the database where it is lowest.",
      unit: "percentunit",
      decimals: 1,
      thresholds: ["red", [0.9, "orange"], [0.99, "green"]],
      history: true,
      queries: [query(agg("min", fromBuffers), "found")],
    }),
    stat("oldest", {
      title: "Longest transaction",
      description:
        "Age of the oldest transaction that is open now. While it is open, no vacuum removes what it may see.",
      unit: "s",
      thresholds: ["green", [300, "orange"], [3_600, "red"]],
      queries: [query(agg("max", worst("pg_longest_transaction_seconds")), "oldest")],
    }),
    stat("blocked", {
      title: "Blocked sessions",
      description: "Sessions that wait for a lock of another one now.",
      unit: "none",
      thresholds: ["green", [1, "orange"], [10, "red"]],
      queries: [query(agg("sum", worst("pg_sessions_blocked")), "blocked")],
    }),
    stat("deadlocks", {
      title: "Deadlocks",
      description: "Deadlocks within the time shown; the server ended one transaction of each, and its log says which.",
      unit: "none",
      decimals: 0,
      thresholds: ["green", [1, "orange"]],
      queries: [
        query(
          agg("sum", agg("max", promql`increase(${sel("pg_deadlocks_total", chosen)}[$__range])`, "database")),
          "deadlocks",
        ),
      ],
    }),
  ],
};

const sessions: RowSpec = {
  title: "Sessions",
  panels: [
    timeSeries("connections", {
      title: "Connections by state",
      description:
        "Client connections to the whole server. Many that are idle in a transaction are a client that forgets to commit.",
      unit: "none",
      stacked: true,
      queries: [query(byState, "{{database}} {{state}}")],
    }),
    timeSeries("connections-share", {
      title: "Connections against the limit",
      description: "Share of the connections open to ordinary roles that are taken; at 100 % new clients are refused.",
      unit: "percentunit",
      min: 0,
      thresholds: fill,
      showThresholds: true,
      queries: [query(taken, "{{database}}")],
    }),
    timeSeries("ages", {
      title: "Oldest transaction and wait",
      description: "The oldest open transaction, the longest idle inside one, and the longest wait for a lock.",
      unit: "s",
      queries: [
        query(worst("pg_longest_transaction_seconds"), "{{database}} open"),
        query(worst("pg_longest_idle_in_transaction_seconds"), "{{database}} idle inside"),
        query(worst("pg_longest_blocked_seconds"), "{{database}} blocked"),
      ],
    }),
    timeSeries("blocking", {
      title: "Blocked and blocking",
      description: "Sessions that wait for a lock, and those at the head of a queue that wait for nobody themselves.",
      unit: "none",
      queries: [
        query(worst("pg_sessions_blocked"), "{{database}} blocked"),
        query(worst("pg_sessions_blocking"), "{{database}} blocking"),
      ],
    }),
  ],
};

const work: RowSpec = {
  title: "Work",
  panels: [
    timeSeries("transactions", {
      title: "Transactions",
      description:
        "Transactions per second that were committed and rolled back. Rollbacks that rise are errors of a client.",
      unit: "ops",
      queries: [
        query(perSecond("pg_transactions_committed_total"), "{{database}} committed"),
        query(perSecond("pg_transactions_rolled_back_total"), "{{database}} rolled back"),
      ],
    }),
    timeSeries("buffers-share", {
      title: "Cache hit by database",
      description:
        "Share of the blocks found in the server's buffers; the others were read from the system's cache or the disk.",
      unit: "percentunit",
      max: 1,
      queries: [query(fromBuffers, "{{database}}")],
    }),
  ],
};

const perTable = ["database", "schema", "table"] as const;
const space: RowSpec = {
  title: "Space",
  panels: [
    timeSeries("size", {
      title: "Size",
      description: "Size of each database on disk, and of the files in the folder of its server's WAL.",
      unit: "bytes",
      queries: [
        query(worst("pg_database_size_bytes"), "{{database}}"),
        query(worst("pg_wal_files_size_bytes"), "{{database}} WAL"),
      ],
    }),
    timeSeries("dead", {
      title: "Dead rows",
      description:
        "Estimated share of rows that are dead. One that only rises is a vacuum that does not run or may not remove them.",
      unit: "percentunit",
      min: 0,
      queries: [query(deadShare, "{{database}}")],
    }),
    table("tables", {
      title: "Tables",
      description:
        "The largest tables now: their size, that of their indexes, and the estimate of their live and dead rows.",
      unit: "none",
      width: 24,
      height: 10,
      emptyWhenHealthy: "No table",
      columns: [
        { label: "database", title: "Database" },
        { label: "schema", title: "Schema" },
        { label: "table", title: "Table" },
      ],
      queries: [
        query(agg("max", sel("pg_table_size_bytes", chosen), ...perTable), "size"),
        query(agg("max", sel("pg_table_indexes_size_bytes", chosen), ...perTable), "indexes"),
        query(agg("max", sel("pg_table_live_rows", chosen), ...perTable), "live"),
        query(agg("max", sel("pg_table_dead_rows", chosen), ...perTable), "dead"),
      ],
      values: [
        { title: "Size", unit: "bytes" },
        { title: "Indexes", unit: "bytes" },
        { title: "Live rows", unit: "short" },
        { title: "Dead rows", unit: "short" },
      ],
      sortBy: { column: "Size", descending: true },
    }),
  ],
};

const replication: RowSpec = {
  title: "Replication",
  panels: [
    timeSeries("standbys", {
      title: "Standbys connected",
      description: "Standby servers that are connected to each server, in whatever state.",
      unit: "none",
      width: 8,
      queries: [
        query(agg("sum", agg("max", sel("pg_replicas", chosen), "database", "state"), "database"), "{{database}}"),
      ],
    }),
    timeSeries("lag-time", {
      title: "Standbys behind, time",
      description: "How far the slowest standby of a primary is behind, and how old what a standby replayed last is.",
      unit: "s",
      width: 8,
      emptyWhenHealthy: alone,
      queries: [
        query(worst("pg_replica_lag_seconds"), "{{database}} its slowest standby"),
        query(worst("pg_standby_lag_seconds"), "{{database}} as a standby"),
      ],
    }),
    timeSeries("lag-size", {
      title: "Standbys behind, WAL",
      description:
        "WAL that is not replayed yet, and WAL that a primary keeps for its slots: a slot that nobody reads fills the disk.",
      unit: "bytes",
      width: 8,
      emptyWhenHealthy: alone,
      queries: [
        query(worst("pg_replica_lag_bytes"), "{{database}} its slowest standby"),
        query(worst("pg_standby_lag_bytes"), "{{database}} as a standby"),
        query(
          agg("max", sel("pg_replication_slot_retained_bytes", chosen), "database", "slot"),
          "{{database}} slot {{slot}}",
        ),
      ],
    }),
  ],
};
