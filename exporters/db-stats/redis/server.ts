// The server itself: whether it answers, and since when it runs.
import { fromFields, type RedisCollector, rd } from "./connection.ts";

const fields = { redis_uptime_seconds: "uptime_in_seconds" } as const;

export const server: RedisCollector = {
  name: "server",
  emits: ["redis_up", ...Object.keys(fields)],
  timeout: "4s",
  failed: (cause) => [rd("redis_up", 0), rd("redis_down_reason", 1, { cause })],
  collect: async ({ info }) => [rd("redis_up", 1), ...fromFields(await info(), fields)],
};
