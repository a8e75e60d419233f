// Rows that wait for the exporters' own files: only what the first alerts need.
import type { Rows } from "./row.ts";

export const vitals = {
  redis_up: { kind: "gauge", help: "1 while the Redis server answers, else 0.", labels: { database: "configured" } },
  pg_up: { kind: "gauge", help: "1 while the PostgreSQL server answers, else 0.", labels: { database: "configured" } },
  integration_up: {
    kind: "gauge",
    help: "1 while the integration's last probe succeeded, else 0.",
    labels: { integration: "configured" },
  },
  collector_success: {
    kind: "gauge",
    help: "1 when the collector's last run succeeded, else 0.",
    labels: { collector: "configured" },
  },
} as const satisfies Rows;
