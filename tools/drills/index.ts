// Every drill: a new one is one entry.
import type { Drill } from "./drill.ts";

/** A service is stopped through its supervisor, and started again. */
const outage = (name: string, service: string, alert: string): Drill => ({
  name,
  says: `stops ${service}`,
  alert,
  within: 120,
  needs: [service],
  inject: ({ stop }) => stop(service),
  heal: ({ start }) => start(service),
});

export const drills: readonly Drill[] = [
  outage("redis-down", "redis", "RedisDown"),
  outage("postgres-down", "demo-postgres", "PostgresDown"),
];
