// What the supervisor of the process platform tells of the services that it runs.
import type { Rows } from "./row.ts";

const perService = { service: "configured" } as const;

export const supervisor = {
  supervisor_service_up: { kind: "gauge", help: "1 while the service's process runs, else 0.", labels: perService },
  supervisor_service_ready: {
    kind: "gauge",
    help: "1 while the service's readiness check passes, else 0.",
    labels: perService,
  },
  supervisor_service_restarts_total: {
    kind: "counter",
    help: "Starts of the service after its first.",
    labels: perService,
  },
  supervisor_service_cpu_seconds_total: {
    kind: "counter",
    help: "CPU time of the service's processes in seconds.",
    labels: perService,
  },
  supervisor_service_resident_memory_bytes: {
    kind: "gauge",
    help: "Resident memory of the service's processes in bytes.",
    labels: perService,
  },
  supervisor_disk_free_bytes: {
    kind: "gauge",
    help: "Free space of the volume that holds the state in bytes.",
    labels: {},
  },
  supervisor_disk_size_bytes: { kind: "gauge", help: "Size of the volume that holds the state in bytes.", labels: {} },
} as const satisfies Rows;
