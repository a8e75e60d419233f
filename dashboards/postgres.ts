// PostgreSQL as db-stats sees it: connections, transactions, locks, buffers, space, replication.
import { agg, promql, rate, sel } from "../telemetry/promql.ts";
import { chosen, databaseVariable, lines, notAnswering, perSecond, within, worst } from "./database.ts";
import {
  type DashboardLeaf,
  has,
  noneIsGood,
  query,
  type RowSpec,
  stat,
  type Thresholds,
  timeSeries,
} from "./panels.ts";
import { risks } from "./postgres-risks.ts";
import { table } from "./table.ts";

export const postgres: DashboardLeaf = {
  name: "postgres",
  title: "PostgreSQL",
  description: "Each PostgreSQL: connections, transactions, who waits for whom, buffers, space, replication.",
  variables: () => [databaseVariable("pg_up")],
  toldBy: () => promql`${sel("pg_up", chosen)} == 1`,
  rows: (input) => (has(input).postgres ? [headline, sessions, work, space, replication, risks] : []),
};

const byState = agg("max", sel("pg_connections", chosen), "database", "state");
const taken = promql`${agg("sum", byState, "database")} / ${worst("pg_connections_limit")}`;
const fromBuffers = worst("database:pg_blocks_hit:ratio_rate5m");
const busiest = promql`topk(8, ${agg("max", rate("pg_statement_seconds_total", "$__rate_interval", chosen), "database", "queryid")})`;
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
      queries: [query(notAnswering("pg_up"), "down")],
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
      queries: [query(within("pg_deadlocks_total"), "deadlocks")],
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
    lines(
      "connections-share",
      { "": taken },
      {
        title: "Connections against the limit",
        description:
          "Share of the connections open to ordinary roles that are taken; at 100 % new clients are refused.",
        unit: "percentunit",
        min: 0,
        thresholds: fill,
        showThresholds: true,
      },
    ),
    lines(
      "ages",
      {
        open: worst("pg_longest_transaction_seconds"),
        "idle inside": worst("pg_longest_idle_in_transaction_seconds"),
        blocked: worst("pg_longest_blocked_seconds"),
      },
      {
        title: "Oldest transaction and wait",
        description: "The oldest open transaction, the longest idle inside one, and the longest wait for a lock.",
        unit: "s",
      },
    ),
    lines(
      "blocking",
      { blocked: worst("pg_sessions_blocked"), blocking: worst("pg_sessions_blocking") },
      {
        title: "Blocked and blocking",
        description: "Sessions that wait for a lock, and those at the head of a queue that wait for nobody themselves.",
        unit: "none",
      },
    ),
  ],
};

const work: RowSpec = {
  title: "Work",
  panels: [
    lines(
      "transactions",
      {
        committed: perSecond("pg_transactions_committed_total"),
        "rolled back": perSecond("pg_transactions_rolled_back_total"),
      },
      {
        title: "Transactions",
        description:
          "Transactions per second that were committed and rolled back. Rollbacks that rise are errors of a client.",
        unit: "ops",
      },
    ),
    lines(
      "temporary",
      { "": perSecond("pg_temp_written_bytes_total") },
      {
        title: "Temporary files",
        description: "Written per second by sorts and joins that did not fit into work_mem.",
        unit: "Bps",
      },
    ),
    timeSeries("statements", {
      title: "Time by statement",
      description:
        "The statements that take most time: seconds of each second, by queryid; `other` are all that are not listed. 100 % is one connection that does nothing else.",
      unit: "percentunit",
      stacked: true,
      emptyWhenHealthy: "No pg_stat_statements",
      queries: [query(busiest, "{{database}} {{queryid}}")],
    }),
    lines(
      "buffers-share",
      { "": fromBuffers },
      {
        title: "Cache hit by database",
        description:
          "Share of the blocks found in the server's buffers; the others were read from the system's cache or the disk.",
        unit: "percentunit",
        max: 1,
      },
    ),
  ],
};

const perTable = ["database", "schema", "table"] as const;
const space: RowSpec = {
  title: "Space",
  panels: [
    lines(
      "size",
      { "": worst("pg_size_bytes"), WAL: worst("pg_wal_files_size_bytes") },
      {
        title: "Size",
        description: "Size of each database on disk, and of the files in the folder of its server's WAL.",
        unit: "bytes",
      },
    ),
    lines(
      "dead",
      { "": deadShare },
      {
        title: "Dead rows",
        description:
          "Estimated share of rows that are dead. One that only rises is a vacuum that does not run or may not remove them.",
        unit: "percentunit",
        min: 0,
      },
    ),
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
    lines(
      "lag-time",
      { "its slowest standby": worst("pg_replica_lag_seconds"), "as a standby": worst("pg_standby_lag_seconds") },
      {
        title: "Standbys behind, time",
        description: "How far the slowest standby of a primary is behind, and how old what a standby replayed last is.",
        unit: "s",
        width: 8,
        emptyWhenHealthy: alone,
      },
    ),
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
