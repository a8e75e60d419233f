// Every drill: a new one is one entry.
import { promql, sel } from "../../telemetry/promql.ts";
import type { Drill } from "./drill.ts";

const day = 86_400;

/** A database does not answer, and db-stats tells that nothing listens. */
const outage = (name: string, service: string, alert: string, cause: NonNullable<Drill["cause"]>): Drill => ({
  name,
  says: `stops ${service}`,
  alert,
  about: service,
  within: 120,
  breaks: service,
  inject: ({ stop }) => stop(service),
  cause,
});

/** The demo's third party gets a fault. */
const vendorFault = (
  name: string,
  fault: string,
  alert: string,
  within: number,
  cause: "http_5xx" | "rate_limited" | "auth",
): Drill => ({
  name,
  says: `turns on the fault "${fault}" of demo-vendor`,
  alert,
  about: "eligibility",
  within,
  breaks: "demo-vendor",
  inject: ({ vendor }) => vendor(fault),
  traced: true,
  cause: promql`increase(${sel("integration_probe_failures_total", { integration: "eligibility", cause })}[2m]) > ${0}`,
});

export const drills: readonly Drill[] = [
  outage(
    "redis-down",
    "redis",
    "RedisDown",
    promql`increase(${sel("redis_connection_failures_total", { cause: "connect" })}[2m]) > ${0}`,
  ),
  outage(
    "postgres-down",
    "demo-postgres",
    "PostgresDown",
    promql`increase(${sel("pg_connection_failures_total", { cause: "connect" })}[2m]) > ${0}`,
  ),
  vendorFault("vendor-down", "down", "IntegrationDown", 180, "http_5xx"),
  vendorFault("vendor-rate-limited", "limited", "IntegrationRateLimited", 480, "rate_limited"),
  vendorFault("vendor-key-refused", "denied", "IntegrationKeyRefused", 480, "auth"),
  {
    name: "certificate-expiring",
    says: "lets a third party appear whose certificate ends in five days",
    alert: "IntegrationCertificateExpiring",
    about: "drill",
    within: 480,
    breaks: "integration-health",
    inject: async ({ serveTls, rewrite }) => {
      const { address, certificate: ca } = await serveTls(5 * day);
      rewrite("integration-health", "/etc/vitals/exporter.json", (text) => {
        const config = JSON.parse(text) as { readonly integrations: readonly unknown[] };
        const drill = { name: "drill", probe: "tls", address, ca, allow: ["loopback"], interval: "15s" };
        return JSON.stringify({ ...config, integrations: [...config.integrations, drill] });
      });
    },
    cause: promql`${sel("integration_certificate_expiry_timestamp_seconds", { integration: "drill" })} - time() < ${14 * day}`,
  },
  {
    name: "exporter-frozen",
    says: "stops the process of db-stats as a debugger would, and each that the supervisor puts in its place",
    alert: "ServiceDown",
    about: "db-stats",
    within: 120,
    breaks: "db-stats",
    inject: async ({ freeze }) => freeze("db-stats"),
    cause: promql`${sel("up", { job: "db-stats" })} == ${0}`,
  },
  {
    name: "target-vanished",
    says: "takes clinical-service out of Prometheus' configuration",
    alert: "ServiceAbsent",
    about: "clinical-service",
    within: 300,
    breaks: "prometheus",
    inject: async ({ rewrite }) =>
      rewrite(
        "prometheus",
        "/etc/prometheus/prometheus.yml",
        (text) => text.replaceAll("job_name: clinical-service", "job_name: somebody-else"),
        "SIGHUP",
      ),
    cause: promql`${sel("up", { job: "somebody-else" })} == ${1}`,
  },
  {
    name: "prometheus-config-refused",
    says: "gives Prometheus a configuration that it cannot read",
    alert: "PrometheusConfigRefused",
    about: "prometheus",
    within: 600,
    breaks: "prometheus",
    inject: async ({ rewrite }) =>
      rewrite("prometheus", "/etc/prometheus/prometheus.yml", (text) => `${text}\nnobody_knows: this\n`, "SIGHUP"),
    cause: promql`${sel("prometheus_config_last_reload_successful")} == ${0}`,
  },
  {
    name: "disk-nearly-full",
    says: "takes room on the disk until less than a tenth is free",
    alert: "DiskFilling",
    about: "supervisor",
    within: 480,
    breaks: "prometheus",
    inject: ({ fillDisk }) => fillDisk(0.095),
    cause: promql`${sel("supervisor_disk_free_bytes")} / ${sel("supervisor_disk_size_bytes")} < ${0.1}`,
  },
  {
    name: "service-flapping",
    says: "kills medication-service three times",
    alert: "ServiceFlapping",
    about: "medication-service",
    within: 240,
    breaks: "medication-service",
    inject: async ({ kill, wait }) => {
      for (const _ of [1, 2, 3, 4]) {
        kill("medication-service");
        await wait(20_000);
      }
    },
    cause: promql`increase(${sel("supervisor_service_restarts_total", { service: "medication-service" })}[10m]) > ${2}`,
  },
  {
    name: "statistics-refused",
    says: "takes the right to read statistics from db-stats' role",
    alert: "CollectorFailing",
    about: "demo-postgres",
    within: 600,
    breaks: "demo-postgres",
    inject: ({ sql }) => sql("REVOKE pg_monitor FROM vitals_db_stats", "GRANT pg_monitor TO vitals_db_stats"),
    cause: promql`increase(${sel("target_failures_total", { target: "demo-postgres", cause: "permission" })}[2m]) > ${0}`,
  },
  {
    name: "connections-exhausted",
    says: "takes every connection of demo-postgres that is left",
    alert: "PostgresConnectionsExhausted",
    about: "demo-postgres",
    within: 120,
    breaks: "demo-postgres",
    inject: ({ takeConnections }) => takeConnections(),
    cause: promql`sum by (database) (${sel("pg_connections", { database: "demo-postgres" })}) >= on (database) ${sel("pg_connections_limit")} or increase(${sel("pg_connection_failures_total", { cause: "full" })}[2m]) > ${0}`,
  },
  {
    name: "slow-queries",
    says: "locks a table of demo-postgres, so that its queries wait",
    alert: "PostgresSessionsBlocked",
    about: "demo-postgres",
    within: 300,
    breaks: "demo-postgres",
    inject: async ({ session }) => {
      await session("BEGIN", "LOCK TABLE clinic.patients IN ACCESS EXCLUSIVE MODE");
      await session("SELECT count(*) FROM clinic.patients");
    },
    cause: promql`${sel("pg_locks_waiting", { database: "demo-postgres" })} > ${0}`,
  },
  {
    name: "cache-fallback",
    says: "gives Redis another password for the user of the gateway's cache",
    alert: "CacheFallbackActive",
    about: "gateway",
    within: 240,
    breaks: "redis",
    inject: async ({ rewrite }) =>
      rewrite(
        "redis",
        "/etc/redis/users.acl",
        (text) => text.replace(/^(user cache on )#\w+/m, `$1#${"0".repeat(64)}`),
        "SIGKILL",
      ),
    cause: promql`increase(${sel("cache_bypassed_total", { job: "gateway" })}[2m]) > ${0}`,
    traced: true,
  },
  {
    name: "prometheus-down",
    says: "stops Prometheus, so that nobody alerts; the dead man's switch notices that the heartbeat ends",
    alert: "Watchdog",
    about: "alertmanager",
    within: 540,
    breaks: "prometheus",
    inject: ({ stop }) => stop("prometheus"),
  },
];
