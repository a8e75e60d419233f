// The Redis collectors: one line each.
import { clients } from "./clients.ts";
import type { RedisCollector } from "./connection.ts";
import { keyspace } from "./keyspace.ts";
import { memory } from "./memory.ts";
import { server } from "./server.ts";
import { traffic } from "./traffic.ts";

export const redisCollectors: readonly RedisCollector[] = [server, memory, keyspace, clients, traffic];
