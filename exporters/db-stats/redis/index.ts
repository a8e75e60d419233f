// The Redis collectors: one line each.
import { clients } from "./clients.ts";
import { cluster } from "./cluster.ts";
import { commands } from "./commands.ts";
import type { RedisCollector } from "./connection.ts";
import { keyspace } from "./keyspace.ts";
import { memory } from "./memory.ts";
import { persistence } from "./persistence.ts";
import { replication } from "./replication.ts";
import { server } from "./server.ts";
import { slow } from "./slow.ts";
import { traffic } from "./traffic.ts";

export const redisCollectors: readonly RedisCollector[] = [
  server,
  memory,
  keyspace,
  clients,
  traffic,
  commands,
  slow,
  replication,
  persistence,
  cluster,
];
