// The stack's own exporters: a table and a loop, because they differ in their configuration alone.
import type { DatabaseConfig, IntegrationConfig, StackConfig } from "../config.ts";
import {
  at,
  dir,
  file,
  hostAndPort,
  listenHost,
  listenPort,
  type Path,
  type ServiceSpec,
  secret,
  splitPort,
  type Tree,
  urlOf,
} from "../spec.ts";
import { loginOf } from "./login.ts";
import { sized } from "./sizes.ts";

const configPath = "/etc/vitals/exporter.json";

interface Exporter {
  readonly name: string;
  readonly about: string;
  readonly port: number;
  /** What a person finds there; without one there is nothing but metrics. */
  readonly title?: string;
  readonly settings: (config: StackConfig) => Tree;
  /** Beside its configuration. */
  readonly files?: (config: StackConfig) => NonNullable<ServiceSpec["files"]>;
  /** What outlives it, as `dir("data")`. */
  readonly data?: Path;
  /** It makes traces. */
  readonly traces?: boolean;
  readonly egress?: (config: StackConfig) => NonNullable<ServiceSpec["egress"]>;
}

const exporterSheets: readonly Exporter[] = [
  {
    name: "integration-health",
    about: "probes the third-party integrations",
    port: 9201,
    title: "integrations' status",
    data: "/var/lib/integration-health",
    traces: true,
    settings: (config) => ({
      data: dir("data"),
      access: {
        tokenFile: secret("healthApiToken", "path"),
        ...(config.healthApi === undefined ? {} : { jwt: config.healthApi }),
      },
      prometheus: backend(config, "prometheus"),
      alertmanager: backend(config, "alertmanager"),
      anchors: config.integrations.length === 0 ? [] : config.anchors,
      ...(config.integrationProxy === undefined ? {} : { proxy: withFile(config.integrationProxy) }),
      integrations: [...demoIntegrations(config), ...config.integrations.map(withFile)] as Tree[],
    }),
    egress: ({ integrations, anchors, integrationProxy: proxy, healthApi }) =>
      [
        ...integrations.filter((each) => proxy === undefined || isDirect(each)).flatMap(placesOf),
        ...(integrations.length === 0
          ? []
          : (proxy === undefined ? anchors : [proxy.address]).map((at) => `tcp://${at}`)),
        ...(healthApi === undefined ? [] : [healthApi.jwksUrl]),
      ].map(hostAndPort),
  },
  {
    name: "db-stats",
    about: "reads database statistics",
    port: 9202,
    settings: (config) => ({
      ...(config.statementTexts ? { texts: { tokenFile: secret("statementsToken", "path") } } : {}),
      databases: [
        cache(config),
        ...demoDatabases(config),
        ...config.databases.map(({ passwordSecret, tls, ...each }) => ({
          ...(each as Readonly<Record<string, Tree>>),
          ...(tls === undefined || tls === false ? {} : { tls: tls === true ? tls : tlsFiles(each.id, tls) }),
          ...(passwordSecret === undefined ? {} : { passwordFile: secret(passwordSecret, "path") }),
        })),
      ],
    }),
    files: ({ databases }) => Object.fromEntries(databases.flatMap(certificates)),
    egress: (config) => config.databases.map(({ address }) => hostAndPort(`tcp://${address}`)),
  },
];

export const exporters = (config: StackConfig): readonly ServiceSpec[] =>
  exporterSheets.map(({ name, about, port, title, settings, files, egress, data, traces }) => ({
    name,
    kind: data === undefined ? "service" : "stateful",
    about,
    owner: "platform",
    version: "0.1.0",
    artifact: { node: "exporters/main.ts" },
    args: [
      name,
      "--config",
      file(configPath),
      "--host",
      listenHost("web"),
      "--port",
      listenPort("web"),
      ...(traces ? ["--traces", urlOf("jaeger/otlp-http")] : []),
    ],
    files: { [configPath]: { apply: "watched", content: { json: settings(config) } }, ...files?.(config) },
    ports: { web: { number: port, scope: "host", ...(title === undefined ? {} : { title }) } },
    ...(data === undefined ? {} : { volumes: { data: { path: data, size: sized(config, name).storage ?? "256MiB" } } }),
    ready: { http: "web", path: "/readyz" },
    alive: { http: "web", path: "/healthz" },
    metrics: [{ port: "web" }],
    egress: egress?.(config) ?? [],
    resources: sized(config, name).resources,
  }));

const backend = (config: StackConfig, program: "prometheus" | "alertmanager"): Tree => {
  const login = loginOf(config, program);
  return {
    url: urlOf(`${program}/web`),
    ...(login === undefined ? {} : { user: login.user, passwordFile: secret(login.password, "path") }),
  };
};

/** What is sent along reaches the exporter as a file. */
const withFile = <T extends { readonly credentialSecret?: string | undefined }>({ credentialSecret, ...rest }: T) => ({
  ...rest,
  ...(credentialSecret === undefined ? {} : { credentialFile: secret(credentialSecret, "path") }),
});

/** On networks of ours, and questions to name servers: no proxy leads there. */
const isDirect = ({ allow, probe }: IntegrationConfig): boolean => allow.length > 0 || probe === "dns";

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

type Tls = Exclude<DatabaseConfig["tls"], boolean | undefined>;

const certificatePath = (id: string, kind: "ca" | "cert"): Path => `/etc/vitals/tls/${id}-${kind}.pem`;

const tlsFiles = (id: string, { ca, cert, keySecret, serverName }: Tls): Tree => ({
  ...(ca === undefined ? {} : { caFile: file(certificatePath(id, "ca")) }),
  ...(cert === undefined ? {} : { certFile: file(certificatePath(id, "cert")) }),
  ...(keySecret === undefined ? {} : { keyFile: secret(keySecret, "path") }),
  ...(serverName === undefined ? {} : { serverName }),
});

/** The files that it reads at every connect. */
const certificates = ({ id, tls }: DatabaseConfig) =>
  (["ca", "cert"] as const).flatMap((kind) => {
    const text = typeof tls === "object" ? tls[kind] : undefined;
    return text === undefined ? [] : [[certificatePath(id, kind), { apply: "watched", content: { text } }] as const];
  });

const demoIntegrations = ({ demo }: StackConfig): readonly Tree[] => {
  const common = { probe: "http", timeout: "3s", interval: "15s", allow: ["loopback", "private"] } as const;
  const services = ["clinical-service/web", "business-service/web", "medication-service/web"] as const;
  return demo
    ? [
        ...services.map((port) => ({ ...common, name: splitPort(port).service, url: urlOf(port, "/readyz") })),
        {
          ...common,
          name: "eligibility",
          url: urlOf("demo-vendor/web", "/v1/status"),
          expect: { body: [{ path: "$.status", equals: "ok" }] },
          feed: { kind: "statuspage", url: urlOf("demo-vendor/web", "/api/v2/summary.json") },
        },
      ]
    : [];
};

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
