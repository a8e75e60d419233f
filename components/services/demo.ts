// What `vitals:demo` adds: a small clinic on PostgreSQL, its traffic, and the inbox that alerts arrive in.
import type { StackConfig } from "../config.ts";
import {
  at,
  dir,
  listenHost,
  listenPort,
  outsideUrl,
  type ServiceSpec,
  secret,
  urlOf,
  type Value,
  v,
} from "../spec.ts";
import { versions } from "../versions.ts";
import { demoIssuer, takesDemoTokens } from "./gateway.ts";

const own = { kind: "service", owner: "demo", version: "0.1.0", resources: { cpu: 0.1, memory: "128MiB" } } as const;
const address: readonly Value[] = ["--host", listenHost("web"), "--port", listenPort("web")];
const traces: readonly Value[] = ["--traces", urlOf("jaeger/otlp-http")];
const probes = { ready: { http: "web", path: "/readyz" }, alive: { http: "web", path: "/healthz" } } as const;

const postgres: ServiceSpec = {
  name: "demo-postgres",
  kind: "stateful",
  about: "the clinic's database",
  owner: "demo",
  version: versions.postgres.version,
  artifact: { tool: "postgres-entrypoint", image: versions.postgres.image },
  user: { uid: 999, gid: 999 },
  args: [
    "-c",
    v`listen_addresses=${listenHost("postgres")}`,
    "-c",
    v`port=${listenPort("postgres")}`,
    "-c",
    "unix_socket_directories=",
    "-c",
    "shared_preload_libraries=pg_stat_statements",
    "-c",
    "shared_buffers=64MB",
    "-c",
    "max_connections=60",
    "-c",
    "log_statement=none",
    // Neither the statement that failed nor the row that it quotes: both speak of patients.
    "-c",
    "log_min_error_statement=panic",
    "-c",
    "log_error_verbosity=terse",
  ],
  env: { PGDATA: v`${dir("data")}/18`, POSTGRES_PASSWORD_FILE: secret("demoPostgresPassword", "path") },
  volumes: { data: { path: "/var/lib/postgresql", size: "2GiB" } },
  ports: { postgres: { number: 5432, title: "the clinic's database", scheme: "postgres" } },
  ready: { postgres: "postgres" },
  // The fast shutdown: PostgreSQL's SIGTERM would wait for every client to leave.
  stop: { signal: "SIGINT", graceSeconds: 20 },
  resources: { cpu: 0.5, memory: "512MiB" },
};

const seed: ServiceSpec = {
  ...own,
  name: "demo-seed",
  kind: "job",
  about: "creates the clinic's schema and synthetic data",
  artifact: { node: "demo/seed.ts" },
  args: [
    "--address",
    at("demo-postgres/postgres"),
    "--admin-user",
    "postgres",
    "--admin-password-file",
    secret("demoPostgresPassword", "path"),
    "--clinic-password-file",
    secret("demoClinicPassword", "path"),
    "--stats-password-file",
    secret("demoStatsPassword", "path"),
  ],
  ports: {},
  needs: [{ on: "demo-postgres/postgres" }],
};

const restServices = [
  { name: "clinical-service", about: "patients, appointments, lab orders", port: 4001 },
  { name: "business-service", about: "locations, staff, inventory, insurance", port: 4002 },
  { name: "medication-service", about: "medications", port: 4003 },
].map(
  ({ name, about, port }): ServiceSpec => ({
    ...own,
    ...probes,
    name,
    about,
    artifact: { node: "demo/service.ts" },
    args: [
      name,
      ...address,
      "--database",
      at("demo-postgres/postgres"),
      "--password-file",
      secret("demoClinicPassword", "path"),
      ...traces,
    ],
    ports: { web: { number: port, scope: "host" } },
    metrics: [{ port: "web" }],
    needs: [{ on: "demo-seed" }],
  }),
);

const login: ServiceSpec = {
  ...own,
  ...probes,
  name: "demo-login",
  about: "gives out tokens for the gateway",
  artifact: { node: "demo/login.ts" },
  args: [
    ...["--issuer", demoIssuer.issuer, "--audience", demoIssuer.audience],
    ...["--key-file", secret("demoSigningKey", "path")],
    ...address,
  ],
  ports: { web: { number: 4012, scope: "host" } },
  metrics: [{ port: "web" }],
};

/** By the gateway, where the gateway takes the demo's tokens. */
function traffic(config: StackConfig): ServiceSpec {
  const through = takesDemoTokens(config);
  const needed = through ? ["gateway", "demo-login"] : restServices.map(({ name }) => name);
  return {
    ...own,
    ...probes,
    name: "demo-traffic",
    about: "steady light traffic on the clinic's services",
    artifact: { node: "demo/traffic.ts" },
    args: [
      ...(through
        ? ["--gateway", urlOf("gateway/web"), "--login", urlOf("demo-login/web")]
        : [
            ...["--clinical", urlOf("clinical-service/web"), "--business", urlOf("business-service/web")],
            ...["--medication", urlOf("medication-service/web")],
          ]),
      ...traces,
      ...address,
    ],
    ports: { web: { number: 4009 } },
    metrics: [{ port: "web" }],
    needs: needed.map((name) => ({ on: `${name}/web` as const, when: "started" as const })),
  };
}

const slack: ServiceSpec = {
  ...own,
  ...probes,
  name: "demo-slack",
  about: "an inbox that shows alerts as Slack would",
  artifact: { node: "demo/slack/main.ts" },
  args: [
    ...address,
    "--data",
    dir("messages"),
    "--runbook",
    outsideUrl("integration-health/web", "/runbooks/Watchdog"),
  ],
  volumes: { messages: { path: "/var/lib/demo-slack", size: "64MiB" } },
  ports: { web: { number: 4010, scope: "host", title: "Slack inbox" } },
};

const vendor: ServiceSpec = {
  ...own,
  ...probes,
  name: "demo-vendor",
  about: "a third party with a status page, whose faults can be switched",
  artifact: { node: "demo/vendor.ts" },
  args: [...address],
  ports: { web: { number: 4011, scope: "host" } },
  metrics: [{ port: "web" }],
};

export const demo = (config: StackConfig): readonly ServiceSpec[] => [
  postgres,
  seed,
  ...restServices,
  ...(takesDemoTokens(config) ? [login] : []),
  traffic(config),
  slack,
  vendor,
];
