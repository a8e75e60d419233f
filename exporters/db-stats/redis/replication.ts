// Replication: which part the server plays, how far replicas are behind, whether a replica hears its primary.
import { fromFields, type Info, type RedisCollector, rd } from "./connection.ts";

const fields = {
  redis_connected_replicas: "connected_slaves",
  redis_replication_offset_bytes: "master_repl_offset",
  redis_replica_last_contact_seconds: "master_last_io_seconds_ago",
} as const;

export const replication: RedisCollector = {
  name: "replication",
  emits: [...Object.keys(fields), "redis_primary", "redis_replica_link_up", "redis_replica_lag_bytes"],
  timeout: "4s",
  collect: async ({ info }) => {
    const given = await info();
    const primary = given.get("role") === "master";
    const lag = lagOf(given);
    return [
      rd("redis_primary", primary ? 1 : 0),
      ...fromFields(given, fields),
      ...(primary ? [] : [rd("redis_replica_link_up", given.get("master_link_status") === "up" ? 1 : 0)]),
      ...(lag === undefined ? [] : [rd("redis_replica_lag_bytes", lag)]),
    ];
  },
};

/** Of the replica furthest behind: `slave0:ip=…,port=…,state=online,offset=1234,lag=0`. */
function lagOf(info: Info): number | undefined {
  const written = Number(info.get("master_repl_offset"));
  const lags = [...info].flatMap(([name, value]) => {
    const offset = /^slave\d+$/.test(name) ? /(?:^|,)offset=(\d+)/.exec(value)?.[1] : undefined;
    return offset === undefined ? [] : [Math.max(0, written - Number(offset))];
  });
  return lags.length === 0 ? undefined : Math.max(...lags);
}
