// Keys: how many there are, whether look-ups find them, and how they go.
import { fromFields, type Info, type RedisCollector, rd } from "./connection.ts";

const fields = {
  redis_keyspace_hits_total: "keyspace_hits",
  redis_keyspace_misses_total: "keyspace_misses",
  redis_evicted_keys_total: "evicted_keys",
  redis_expired_keys_total: "expired_keys",
} as const;

export const keyspace: RedisCollector = {
  name: "keyspace",
  emits: [...Object.keys(fields), "redis_keys"],
  timeout: "4s",
  collect: async ({ info }) => {
    const given = await info();
    return [...fromFields(given, fields), rd("redis_keys", keysIn(given))];
  },
};

/** A line per logical database that has any: `db0:keys=12,expires=3,avg_ttl=0`. */
const keysIn = (info: Info): number =>
  [...info].reduce(
    (sum, [name, value]) => (/^db\d+$/.test(name) ? sum + Number(/keys=(\d+)/.exec(value)?.[1] ?? 0) : sum),
    0,
  );
