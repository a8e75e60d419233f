// Redis as db-stats sees it: memory, keys, commands, clients, what reaches the disk and the replicas, clusters.
import { agg, promql, rate, sel } from "../telemetry/promql.ts";
import { chosen, databaseVariable, lines, notAnswering, perSecond, within, worst } from "./database.ts";
import {
  type DashboardLeaf,
  has,
  noneIsGood,
  query,
  type RowSpec,
  type States,
  stat,
  stateTimeline,
  type Thresholds,
  timeSeries,
} from "./panels.ts";

export const redis: DashboardLeaf = {
  name: "redis",
  title: "Redis",
  description: "Each Redis: memory, keys, commands, clients, what reaches the disk and the replicas, clusters.",
  variables: () => [databaseVariable("redis_up")],
  toldBy: () => promql`${sel("redis_up", chosen)} == 1`,
  rows: (input) => (has(input).redis ? [headline, memory, commands, clients, durability, clusters] : []),
};

const window = "$__rate_interval";
const fill: Thresholds = ["green", [0.8, "orange"], [0.95, "red"]];
const limit = worst("redis_memory_max_bytes");
// Without a limit there is no share of it.
const filled = promql`${worst("redis_memory_used_bytes")} / (${limit} > 0)`;
const taken = promql`${worst("redis_connected_clients")} / ${worst("redis_clients_limit")}`;
const hits = perSecond("redis_keyspace_hits_total");
const found = promql`${hits} / (${promql`${hits} + ${perSecond("redis_keyspace_misses_total")}`} > 0)`;
const perCommand = (series: "redis_command_calls_total" | "redis_command_seconds_total") =>
  agg("max", rate(series, window, chosen), "database", "command");
const busiest = promql`topk(8, ${perCommand("redis_command_seconds_total")})`;
const each = promql`${busiest} / (${perCommand("redis_command_calls_total")} > 0)`;

const headline: RowSpec = {
  panels: [
    stat("down", {
      title: "Not answering",
      description: "Servers that do not answer db-stats now.",
      unit: "none",
      thresholds: noneIsGood,
      queries: [query(notAnswering("redis_up"), "down")],
    }),
    stat("filled", {
      title: "Memory used",
      description: "Share of its memory limit that the fullest server uses. A cache that evicts may be full.",
      unit: "percentunit",
      decimals: 0,
      thresholds: fill,
      history: true,
      emptyWhenHealthy: "No limit",
      queries: [query(agg("max", filled), "used")],
    }),
    stat("found", {
      title: "Hits",
      description: "Share of the look-ups that found their key, on the server where it is lowest.",
      unit: "percentunit",
      decimals: 0,
      history: true,
      emptyWhenHealthy: "No look-up",
      queries: [query(agg("min", found), "found")],
    }),
    stat("evicted", {
      title: "Evicted",
      description: "Keys that were removed to make room within the time shown.",
      unit: "short",
      decimals: 0,
      queries: [query(within("redis_evicted_keys_total"), "evicted")],
    }),
    stat("rejected", {
      title: "Turned away",
      description: "Connections refused within the time shown, because there were as many as there may be.",
      unit: "none",
      decimals: 0,
      thresholds: noneIsGood,
      queries: [query(within("redis_connections_rejected_total"), "refused")],
    }),
    stat("slow", {
      title: "Slow log",
      description: "Entries in the slow logs of all servers; SLOWLOG GET has the commands.",
      unit: "none",
      thresholds: ["green", [1, "orange"]],
      queries: [query(agg("sum", worst("redis_slowlog_entries")), "entries")],
    }),
  ],
};

const memory: RowSpec = {
  title: "Memory and keys",
  panels: [
    lines(
      "memory",
      {
        used: worst("redis_memory_used_bytes"),
        resident: worst("redis_memory_resident_bytes"),
        limit: promql`${limit} > 0`,
      },
      {
        title: "Memory",
        description: "What is used for data and overhead, what the system has given to the process, and the limit.",
        unit: "bytes",
      },
    ),
    lines(
      "fragmentation",
      { "": worst("redis_memory_fragmentation_ratio") },
      {
        title: "Fragmentation",
        description: "Memory given by the system for each byte in use; far above 1.5 much is wasted, below 1 it swaps.",
        unit: "short",
        min: 0,
        thresholds: ["text", [1.5, "orange"]],
        showThresholds: true,
      },
    ),
    lines(
      "keys",
      { "": worst("redis_keys") },
      { title: "Keys", description: "Keys in all logical databases of each server.", unit: "short" },
    ),
    lines(
      "leaving",
      { expired: perSecond("redis_expired_keys_total"), evicted: perSecond("redis_evicted_keys_total") },
      {
        title: "Keys that leave",
        description: "Keys per second that reached their end, and those that were removed to make room.",
        unit: "cps",
      },
    ),
  ],
};

const commands: RowSpec = {
  title: "Work",
  panels: [
    lines(
      "processed",
      { "": perSecond("redis_commands_processed_total"), failed: perSecond("redis_error_replies_total") },
      {
        title: "Commands",
        description: "Commands per second, and those that were answered with an error.",
        unit: "ops",
      },
    ),
    lines(
      "hits",
      { "": found },
      {
        title: "Hits by server",
        description: "Share of the look-ups that found their key.",
        unit: "percentunit",
        max: 1,
      },
    ),
    timeSeries("time", {
      title: "Time by command",
      description: "The commands that take most of the server's time: seconds of each second. It runs one at a time.",
      unit: "percentunit",
      stacked: true,
      queries: [query(busiest, "{{database}} {{command}}")],
    }),
    timeSeries("latency", {
      title: "Time for one command",
      description: "Mean time of a call of the commands on the left.",
      unit: "s",
      queries: [query(each, "{{database}} {{command}}")],
    }),
  ],
};

const clients: RowSpec = {
  title: "Connections",
  panels: [
    lines(
      "connected",
      { connected: worst("redis_connected_clients"), waiting: worst("redis_blocked_clients") },
      { title: "Clients", description: "Client connections, and those that wait in a blocking call.", unit: "none" },
    ),
    lines(
      "taken",
      { "": taken },
      {
        title: "Clients against the limit",
        description: "Share of the connections that each server accepts; at 100 % new clients are turned away.",
        unit: "percentunit",
        min: 0,
        thresholds: fill,
        showThresholds: true,
      },
    ),
  ],
};

const well: States = { 1: ["Well", "green"], 0: ["Failed", "red"] };
const durability: RowSpec = {
  title: "Disk and replicas",
  panels: [
    lines(
      "unsaved",
      { "": worst("redis_rdb_changes_since_save") },
      {
        title: "Changes since the last snapshot",
        description: "What a crash would lose where there is no append-only file.",
        unit: "short",
        width: 8,
      },
    ),
    lines(
      "append-only",
      { "": worst("redis_aof_size_bytes") },
      {
        title: "Append-only file",
        description: "Its size; it is rewritten when it has doubled.",
        unit: "bytes",
        width: 8,
        emptyWhenHealthy: "Switched off",
      },
    ),
    lines(
      "lag",
      { "": worst("redis_replica_lag_bytes") },
      {
        title: "Replicas behind",
        description:
          "What the replica furthest behind has not confirmed. One that only grows is a replica that is cut off.",
        unit: "bytes",
        width: 8,
        emptyWhenHealthy: "No replica",
      },
    ),
    stateTimeline("saved", {
      title: "Saved",
      description: "Whether the last snapshot and the last write to the append-only file succeeded.",
      unit: "none",
      states: well,
      queries: [
        query(worst("redis_rdb_last_save_success"), "{{database}} snapshot"),
        query(worst("redis_aof_last_write_success"), "{{database}} append-only file"),
      ],
    }),
    stateTimeline("links", {
      title: "Replicas and cluster",
      description: "Whether a replica hears its primary, and a cluster serves every key.",
      unit: "none",
      states: well,
      emptyWhenHealthy: "No replica, no cluster",
      queries: [
        query(worst("redis_replica_link_up"), "{{database}} replica"),
        query(worst("redis_cluster_ok"), "{{database}} cluster"),
      ],
    }),
  ],
};

const clusters: RowSpec = {
  title: "Cluster",
  panels: [
    timeSeries("nodes", {
      title: "Nodes by role and state",
      description: "The cluster as each watched node sees it.",
      unit: "none",
      stacked: true,
      emptyWhenHealthy: "No cluster",
      queries: [
        query(
          promql`${agg("max", sel("redis_cluster_nodes", chosen), "database", "role", "state")} > 0`,
          "{{database}} {{role}} {{state}}",
        ),
      ],
    }),
    lines(
      "slots",
      {
        well: worst("redis_cluster_slots_ok"),
        suspected: worst("redis_cluster_slots_suspected"),
        failed: worst("redis_cluster_slots_failed"),
      },
      {
        title: "Slots",
        description:
          "Of 16384 slots, those whose owner is well, is not reached, and has failed. Keys of the last are gone for now.",
        unit: "none",
        emptyWhenHealthy: "No cluster",
      },
    ),
  ],
};
