// What a backup tells Prometheus when it is whole: a job has ended before anything could scrape it, so it sends.
import type { Rows } from "./row.ts";

export const backup = {
  backup_last_success_timestamp_seconds: {
    kind: "gauge",
    help: "When the newest whole backup of a service was taken, in seconds since 1970; one sample for each.",
    labels: { service: "configured" },
  },
} as const satisfies Rows;
