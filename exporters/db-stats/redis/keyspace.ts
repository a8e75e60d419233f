// Keys: how many there are, whether look-ups find them, and how they go.

import { databases } from "../../../telemetry/catalogue/redis.ts";
import { oneOf } from "../../../telemetry/metrics.ts";
import type { Sample } from "../../collector.ts";
import { fromFields, type Info, type RedisCollector, rd } from "./connection.ts";

const fields = {
  redis_keyspace_hits_total: "keyspace_hits",
  redis_keyspace_misses_total: "keyspace_misses",
  redis_evicted_keys_total: "evicted_keys",
  redis_expired_keys_total: "expired_keys",
} as const;

export const keyspace: RedisCollector = {
  name: "keyspace",
  emits: [...Object.keys(fields), "redis_keys", "redis_database_keys", "redis_database_expiring_keys"],
  timeout: "4s",
  collect: async ({ info }) => {
    const given = await info();
    const each = keysIn(given);
    const sum = (of: readonly Keys[]): number => of.reduce((all, { keys }) => all + keys, 0);
    return [
      ...fromFields(given, fields),
      rd("redis_keys", sum(each)),
      ...databases.flatMap((db): readonly Sample[] => {
        const own = each.filter((one) => one.db === db);
        if (own.length === 0) return [];
        const expiring = own.reduce((all, one) => all + one.expiring, 0);
        return [rd("redis_database_keys", sum(own), { db }), rd("redis_database_expiring_keys", expiring, { db })];
      }),
    ];
  },
};

interface Keys {
  readonly db: (typeof databases)[number];
  readonly keys: number;
  readonly expiring: number;
}

/** A line per logical database that has any: `db0:keys=12,expires=3,avg_ttl=0`. */
const keysIn = (info: Info): readonly Keys[] =>
  [...info].flatMap(([name, value]) => {
    if (!/^db\d+$/.test(name)) return [];
    const count = (field: string): number => Number(new RegExp(`${field}=(\\d+)`).exec(value)?.[1] ?? 0);
    return [{ db: oneOf(databases, name), keys: count("keys"), expiring: count("expires") }];
  });
