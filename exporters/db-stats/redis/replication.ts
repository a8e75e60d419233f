// Replication: which part the server plays, how far replicas are behind, whether a replica hears its primary.
import { fromFields, type Info, type RedisCollector, rd } from "./connection.ts";

const fields = {
  redis_connected_replicas: "connected_slaves",
  redis_replication_offset_bytes: "master_repl_offset",
  redis_replica_last_contact_seconds: "master_last_io_seconds_ago",
} as const;

export const replication: RedisCollector = {
  name: "replication",
  emits: [
    ...Object.keys(fields),
    "redis_primary",
    "redis_replica_link_up",
    "redis_replica_lag_bytes",
    "redis_replica_lag_seconds",
  ],
  timeout: "4s",
  collect: async ({ info }) => {
    const given = await info();
    const primary = given.get("role") === "master";
    const written = Number(given.get("master_repl_offset"));
    const replicas = replicasOf(given);
    const worst = (
      metric: "redis_replica_lag_bytes" | "redis_replica_lag_seconds",
      of: (replica: Replica) => number,
    ) => (replicas.length === 0 ? [] : [rd(metric, Math.max(0, ...replicas.map(of)))]);
    return [
      rd("redis_primary", primary ? 1 : 0),
      ...fromFields(given, fields),
      ...(primary ? [] : [rd("redis_replica_link_up", given.get("master_link_status") === "up" ? 1 : 0)]),
      ...worst("redis_replica_lag_bytes", ({ offset }) => written - offset),
      ...worst("redis_replica_lag_seconds", ({ lag }) => lag),
    ];
  },
};

interface Replica {
  readonly offset: number;
  readonly lag: number;
}

/** A line for each that is connected: `slave0:ip=…,port=…,state=online,offset=1234,lag=0`. */
const replicasOf = (info: Info): readonly Replica[] =>
  [...info].flatMap(([name, value]) => {
    const [, offset, lag] = /(?:^|,)offset=(\d+),lag=(\d+)/.exec(value) ?? [];
    return /^slave\d+$/.test(name) && offset !== undefined ? [{ offset: Number(offset), lag: Number(lag) }] : [];
  });
