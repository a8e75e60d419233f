// Memory against its limit, and what happens there.
import { fromFields, type RedisCollector, rd } from "./connection.ts";

const fields = {
  redis_memory_used_bytes: "used_memory",
  redis_memory_max_bytes: "maxmemory",
  redis_memory_peak_bytes: "used_memory_peak",
  redis_memory_resident_bytes: "used_memory_rss",
  redis_memory_dataset_bytes: "used_memory_dataset",
  redis_memory_fragmentation_ratio: "mem_fragmentation_ratio",
} as const;

export const memory: RedisCollector = {
  name: "memory",
  emits: [...Object.keys(fields), "redis_memory_refuses_when_full"],
  timeout: "4s",
  collect: async ({ info }) => {
    const given = await info();
    const refuses = given.get("maxmemory") !== "0" && given.get("maxmemory_policy") === "noeviction";
    return [...fromFields(given, fields), rd("redis_memory_refuses_when_full", refuses ? 1 : 0)];
  },
};
