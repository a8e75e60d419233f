// What was slow: entries in the slow log, whose texts stay where they are, and the latency monitor's events.
import { type RedisCollector, rd } from "./connection.ts";

type Event = readonly [name: string, at: number, latest: number, most: number];

export const slow: RedisCollector = {
  name: "slow",
  emits: [
    "redis_slowlog_entries",
    "redis_latency_event_seconds",
    "redis_latency_event_max_seconds",
    "redis_latency_event_timestamp_seconds",
    "redis_permission_missing",
  ],
  timeout: "4s",
  collect: async ({ ask }) => {
    const [entries, events] = await Promise.all([
      ask<number>("slowlog", "len"),
      ask<readonly Event[]>("latency", "latest"),
    ]);
    return [
      rd("redis_permission_missing", entries === undefined ? 1 : 0, { command: "slowlog" }),
      rd("redis_permission_missing", events === undefined ? 1 : 0, { command: "latency" }),
      ...(entries === undefined ? [] : [rd("redis_slowlog_entries", entries)]),
      ...(events ?? []).flatMap(([event, at, latest, most]) => [
        rd("redis_latency_event_seconds", latest / 1_000, { event }),
        rd("redis_latency_event_max_seconds", most / 1_000, { event }),
        rd("redis_latency_event_timestamp_seconds", at, { event }),
      ]),
    ];
  },
};
