// Every version that the stack pins, in one place. Images by exact tag; digests come from images.lock.json when it exists.

/** A program that runs as a service, and the first version that has what we rely on. */
export const versions = {
  // 7.0 is the oldest with ACL selectors and `redis-cli -e`; Debian 12 ships 7.0.15.
  redis: { version: "7.0.15", atLeast: "7.0.0", image: "redis:7.4.2-alpine" },
  // 3.16.0 keeps the state of alerts with a `for` below 10 minutes over a restart (prometheus#19882).
  prometheus: { version: "3.16.0", atLeast: "3.16.0", image: "prom/prometheus:v3.16.0" },
  // 0.34.2 fixes inhibition after a restart and drops permissive CORS headers.
  alertmanager: { version: "0.34.2", atLeast: "0.34.2", image: "prom/alertmanager:v0.34.2" },
  // The module v1.76.0 holds `cmd/jaeger`, which is Jaeger v2.13; images are published under their own v2 tags.
  jaeger: { version: "2.13.0", atLeast: "2.13.0", image: "jaegertracing/jaeger:2.13.0" },
  grafana: { version: "13.1.3", atLeast: "12.0.0", image: "grafana/grafana:13.1.3" },
  postgres: { version: "18.4", atLeast: "18.0", image: "postgres:18.4" },
  // Older servers that db-stats reads; only its tests run them.
  "postgres-14": { version: "14.23", atLeast: "14.0" },
  "postgres-15": { version: "15.18", atLeast: "15.0" },
  "postgres-16": { version: "16.14", atLeast: "16.0" },
  "postgres-17": { version: "17.10", atLeast: "17.0" },
  // What our own image stands on; the Dockerfile names it too.
  node: { version: "24.21.0", atLeast: "24.0.0", image: "node:24.21.0-trixie-slim" },
  // Pulumi's provider that builds it.
  "docker-build": { version: "0.0.22", atLeast: "0.0.22" },
  // Of the tests. 1.34.1 warns of every headless Service, whatever it says.
  kubernetes: { version: "1.34.4", atLeast: "1.34.4" },
  kubectl: { version: "1.34.4", atLeast: "1.32.0" },
  // Older ones take several times as long for the deletes of the controllers.
  etcd: { version: "3.6.6", atLeast: "3.5.0" },
  kwok: { version: "0.8.0", atLeast: "0.7.0" },
  "kube-score": { version: "1.20.0", atLeast: "1.20.0" },
  "kube-linter": { version: "0.8.3", atLeast: "0.8.3" },
  // Reads alert rules as a reviewer would.
  pint: { version: "0.87.0", atLeast: "0.87.0" },
  // What the probes and db-stats are measured beside.
  "blackbox-exporter": { version: "0.28.0", atLeast: "0.25.0" },
  gatus: { version: "5.36.0", atLeast: "5.36.0" },
  "postgres-exporter": { version: "0.19.1", atLeast: "0.17.0" },
  // What the gateway's cache is measured beside.
  nginx: { version: "1.22.1", atLeast: "1.19.5" },
  "redis-exporter": { version: "1.45.0", atLeast: "1.40.0" },
  pulumi: { version: "3.255.0", atLeast: "3.255.0" },
} as const;

export type ProgramName = keyof typeof versions;
