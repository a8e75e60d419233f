// The PostgreSQL collectors: one line each.
import { cache } from "./cache.ts";
import type { PostgresCollector } from "./connection.ts";
import { connections } from "./connections.ts";
import { deadlocks } from "./deadlocks.ts";
import { server } from "./server.ts";
import { size } from "./size.ts";
import { transactions } from "./transactions.ts";

export const postgresCollectors: readonly PostgresCollector[] = [
  server,
  connections,
  transactions,
  cache,
  deadlocks,
  size,
];
