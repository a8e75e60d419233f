// The stack's own exporters: a table and a loop, because they differ in their configuration alone.
import type { IntegrationConfig, StackConfig } from "../config.ts";
import {
  at,
  file,
  hostAndPort,
  listenHost,
  listenPort,
  type ServiceSpec,
  secret,
  splitPort,
  type Tree,
  urlOf,
} from "../spec.ts";
import { sized } from "./sizes.ts";

const configPath = "/etc/vitals/exporter.json";

interface Exporter {
  readonly name: string;
  readonly about: string;
  readonly port: number;
  readonly settings: (config: StackConfig) => Tree;
  readonly egress?: (config: StackConfig) => NonNullable<ServiceSpec["egress"]>;
}

const exporterSheets: readonly Exporter[] = [
  {
    name: "integration-health",
    about: "probes the third-party integrations",
    port: 9201,
    settings: (config) => ({
      anchors: config.integrations.length === 0 ? [] : config.anchors,
      integrations: [
        ...demoIntegrations(config),
        ...config.integrations.map(({ credentialSecret, ...each }) => ({
          ...each,
          ...(credentialSecret === undefined ? {} : { credentialFile: secret(credentialSecret, "path") }),
        })),
      ] as Tree[],
    }),
    egress: ({ integrations, anchors }) =>
      integrations.length === 0
        ? []
        : [...integrations.flatMap(placesOf), ...anchors.map((anchor) => `tcp://${anchor}`)].map(hostAndPort),
  },
  {
    name: "db-stats",
    about: "reads database statistics",
    port: 9202,
    settings: (config) => ({
      databases: [
        cache(config),
        ...demoDatabases(config),
        ...config.databases.map(({ passwordSecret, tls, ...each }) => ({
          ...each,
          ...(tls === true ? { tls } : {}),
          ...(passwordSecret === undefined ? {} : { passwordFile: secret(passwordSecret, "path") }),
        })),
      ],
    }),
    egress: (config) => config.databases.map(({ address }) => hostAndPort(`tcp://${address}`)),
  },
];

export const exporters = (config: StackConfig): readonly ServiceSpec[] =>
  exporterSheets.map(({ name, about, port, settings, egress }) => ({
    name,
    kind: "service",
    about,
    owner: "platform",
    version: "0.1.0",
    artifact: { node: "exporters/main.ts" },
    args: [name, "--config", file(configPath), "--host", listenHost("web"), "--port", listenPort("web")],
    files: { [configPath]: { apply: "watched", content: { json: settings(config) } } },
    ports: { web: { number: port, scope: "host" } },
    ready: { http: "web", path: "/readyz" },
    alive: { http: "web", path: "/healthz" },
    metrics: [{ port: "web" }],
    egress: egress?.(config) ?? [],
    resources: sized(config, name).resources,
  }));

/** Where an integration is asked, and where its vendor says how it is. */
const placesOf = (each: IntegrationConfig): readonly string[] => [
  ...("url" in each ? [each.url] : "address" in each ? [`tcp://${each.address}`] : []),
  ...("server" in each && each.server !== undefined ? [`tcp://${each.server}`] : []),
  ...(each.feed === undefined ? [] : [each.feed.url]),
];

const cache = ({ redis }: StackConfig): Tree => ({
  id: "redis",
  kind: "redis",
  address: at("redis/redis"),
  user: redis?.user ?? "db-stats",
  passwordFile: secret(redis?.passwordSecret ?? "redisStatsPassword", "path"),
  ...(redis?.tls === true ? { tls: true } : {}),
});

const demoIntegrations = ({ demo }: StackConfig): readonly Tree[] =>
  demo
    ? (["clinical-service/web", "business-service/web", "medication-service/web"] as const).map((port) => ({
        name: splitPort(port).service,
        probe: "http",
        url: urlOf(port, "/readyz"),
        expectStatus: [200],
        timeout: "3s",
        interval: "15s",
        allow: ["loopback", "private"],
      }))
    : [];

const demoDatabases = ({ demo }: StackConfig): readonly Tree[] =>
  demo
    ? [
        {
          id: "demo-postgres",
          kind: "postgres",
          address: at("demo-postgres/postgres"),
          user: "vitals_db_stats",
          passwordFile: secret("demoStatsPassword", "path"),
          database: "clinic",
        },
      ]
    : [];
