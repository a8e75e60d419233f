// The databases themselves, as db-stats sees them: a server that does not answer.
import { fallen } from "./database-flags.ts";
import type { Alert } from "./rule.ts";

export const databaseAlerts: readonly Alert[] = [
  fallen("redis_up", {
    name: "RedisDown",
    for: "30s",
    severity: "page",
    summary: "The Redis server {{ $labels.database }} does not answer.",
    action: "See whether its process runs; what uses it goes to the databases directly until it is back.",
  }),
  fallen("pg_up", {
    name: "PostgresDown",
    for: "30s",
    severity: "page",
    summary: "The PostgreSQL server {{ $labels.database }} does not answer a query.",
    action: "See whether the server runs, accepts connections and has disk space left.",
  }),
];
