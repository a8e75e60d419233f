// What reaches the disk: snapshots (RDB) and the append-only file (AOF).
import { fromFields, type RedisCollector, rd } from "./connection.ts";

const fields = {
  redis_loading: "loading",
  redis_rdb_changes_since_save: "rdb_changes_since_last_save",
  redis_rdb_last_save_timestamp_seconds: "rdb_last_save_time",
  redis_rdb_save_in_progress: "rdb_bgsave_in_progress",
  redis_aof_enabled: "aof_enabled",
  redis_aof_size_bytes: "aof_current_size",
} as const;
const outcomes = {
  redis_rdb_last_save_success: "rdb_last_bgsave_status",
  redis_aof_last_write_success: "aof_last_write_status",
  redis_aof_last_rewrite_success: "aof_last_bgrewrite_status",
} as const;

export const persistence: RedisCollector = {
  name: "persistence",
  emits: [...Object.keys(fields), ...Object.keys(outcomes)],
  timeout: "4s",
  collect: async ({ info }) => {
    const given = await info();
    return [
      ...fromFields(given, fields),
      ...(Object.keys(outcomes) as (keyof typeof outcomes)[]).flatMap((metric) => {
        const outcome = given.get(outcomes[metric]);
        return outcome === undefined ? [] : [rd(metric, outcome === "ok" ? 1 : 0)];
      }),
    ];
  },
};
