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

/** The demo's third party gets a fault, and loses all of them. */
const vendorFault = (name: string, fault: string, alert: string): Drill => ({
  name,
  says: `turns on the fault "${fault}" of demo-vendor`,
  alert,
  within: 180,
  needs: ["demo-vendor"],
  inject: ({ send }) => send("demo-vendor", "PUT", `/faults/${fault}`),
  heal: ({ send }) => send("demo-vendor", "DELETE", "/faults"),
});

export const drills: readonly Drill[] = [
  outage("redis-down", "redis", "RedisDown"),
  outage("postgres-down", "demo-postgres", "PostgresDown"),
  vendorFault("vendor-down", "down", "IntegrationDown"),
];
