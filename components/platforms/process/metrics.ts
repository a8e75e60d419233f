// What each process costs, as metrics: read from the process table at scrape time.
import { statfsSync } from "node:fs";
import { supervisor as rows } from "../../../telemetry/catalogue/supervisor.ts";
import { createMetrics, type Sample } from "../../../telemetry/metrics.ts";
import type { InstanceStatus } from "./protocol.ts";
import { family, usage } from "./table.ts";

/** Metrics of one state folder: `render` gives the text for a scrape. */
export function processMetrics(root: string, statuses: () => readonly InstanceStatus[]) {
  const metrics = createMetrics(rows);
  metrics.source(() => [...costs(statuses()), ...disk(root)]);
  return metrics;
}

function costs(statuses: readonly InstanceStatus[]): readonly Sample[] {
  const families = family([process.pid, ...statuses.flatMap(({ pid }) => pid ?? [])]);
  const used = (pid: number | undefined) =>
    (pid === undefined ? [] : (families.get(pid) ?? [])).flatMap((each) => usage(each) ?? []);
  const own = { service: "supervisor", state: "ready", restarts: 0, pid: process.pid } as const;
  // Replicas of a service are summed: the label is the service.
  return [...Map.groupBy([own, ...statuses], ({ service }) => service)].flatMap(([service, all]) => {
    const parts = all.flatMap(({ pid }) => (pid === process.pid ? (usage(pid) ?? []) : used(pid)));
    const sum = (of: (part: (typeof parts)[number]) => number) => parts.reduce((total, part) => total + of(part), 0);
    const sample = (metric: keyof typeof rows, value: number): Sample => ({ metric, labels: { service }, value });
    return [
      sample(
        "supervisor_service_up",
        all.every(({ pid, state }) => pid !== undefined || state === "completed") ? 1 : 0,
      ),
      sample("supervisor_service_ready", all.every(({ state }) => state === "ready" || state === "completed") ? 1 : 0),
      sample(
        "supervisor_service_restarts_total",
        all.reduce((total, { restarts }) => total + restarts, 0),
      ),
      sample(
        "supervisor_service_cpu_seconds_total",
        sum(({ cpuSeconds }) => cpuSeconds),
      ),
      sample(
        "supervisor_service_resident_memory_bytes",
        sum(({ residentBytes }) => residentBytes),
      ),
    ];
  });
}

function disk(root: string): readonly Sample[] {
  const { bavail, blocks, bsize } = statfsSync(root);
  return [
    { metric: "supervisor_disk_free_bytes", labels: {}, value: bavail * bsize },
    { metric: "supervisor_disk_size_bytes", labels: {}, value: blocks * bsize },
  ];
}
