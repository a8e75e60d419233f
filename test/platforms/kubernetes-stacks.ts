// The stacks that the tests of the Kubernetes platform plan: every size, with nothing and with everything that a person may set.

import { loadConfig, type RawConfig, type StackConfig } from "../../components/config.ts";
import { StackError } from "../../components/errors.ts";
import type { Manifest, Planned } from "../../components/platforms/kubernetes/manifest.ts";
import { type KubernetesPlan, planKubernetes } from "../../components/platforms/kubernetes/plan.ts";
import { publicManifest } from "../../components/platforms/kubernetes/text.ts";
import { backups } from "../../components/services/backup.ts";
import type { ServiceSpec } from "../../components/spec.ts";
import { describe, type Stack } from "../../components/stack.ts";
import { readSettings } from "../../tools/stack/settings.ts";

export const sizes = ["small", "medium", "large"] as const;

export type Settings = Readonly<Record<string, unknown>>;

/** The least that a cluster needs. */
export const least: Settings = { platform: "kubernetes", registry: "registry.example.com/team" };

/** Everything that shapes the objects. */
export const most: Settings = {
  ...least,
  webLogin: true,
  storageClass: "fast",
  imagePullSecret: "registry-login",
  ingress: {
    class: "nginx",
    host: "vitals.example.com",
    certManagerIssuer: "letsencrypt",
    auth: { url: "https://login.example.com/auth" },
    annotations: { "example.com/team": "platform" },
  },
  remoteWrite: [
    { name: "mimir", url: "https://mimir.example.com/push", username: "vitals", passwordSecret: "mimirPassword" },
    { name: "thanos", url: "http://thanos.metrics.svc:19291/receive", tokenSecret: "thanosToken" },
  ],
  grafanaOidc: {
    name: "Example ID",
    authUrl: "https://login.example.com/authorize",
    tokenUrl: "http://dex.identity.svc:5556/token",
    apiUrl: "http://dex.identity.svc:5556/userinfo",
    clientId: "vitals",
    clientSecret: "grafanaClientSecret",
    allowedGroups: ["platform", "on-call"],
    roleAttributePath: "contains(groups, 'platform') && 'Admin' || 'Viewer'",
  },
  integrations: [
    { name: "payments", probe: "http", url: "https://payments.example.com/health" },
    { name: "lab", probe: "tcp", address: "10.1.2.3:2575" },
  ],
  databases: [
    { id: "main", kind: "postgres", address: "postgres.data.svc:5432", user: "stats", passwordSecret: "mainPassword" },
  ],
  services: [{ name: "clinical-api", owner: "clinic", metrics: { address: "clinical-api.clinic.svc:8080" } }],
  slackChannels: { page: "#on-call" },
  pageReceiver: { kind: "webhook", urlSecret: "pagerUrl", host: "events.example.com" },
  deadMansSwitch: { urlSecret: "switchUrl", host: "watch.example.com" },
  muteWindows: [{ name: "night", weekly: { from: "22:00", to: "06:00" }, severities: ["ticket"], services: ["redis"] }],
};

export const mostSecrets = [
  "slackWebhookUrl",
  "pagerUrl",
  "switchUrl",
  "mimirPassword",
  "thanosToken",
  "mainPassword",
  "grafanaClientSecret",
];

const { grafanaOidc: _, ...rest } = most;
/** Everything that goes with and without Grafana. */
export const mostButItsLogin: Settings = rest;
export const mostButItsSecrets = mostSecrets.filter((name) => name !== "grafanaClientSecret");

const issuer = { issuer: "https://id.example.com", audience: "vitals", jwksUrl: "http://dex.identity.svc:5556/keys" };

/** Everything, with the stores, the issuer of tokens and the way to the internet that somebody else runs. */
export const elsewhere: Settings = {
  ...most,
  size: "large",
  gateway: {
    upstreams: { "clinical-service": "http://api.clinic.svc:8080" },
    access: issuer,
    errorReports: { dsnSecret: "reportsDsn", host: "reports.example.com" },
  },
  healthApi: issuer,
  redis: {
    ...{ address: "redis.cache.svc:6380", user: "stats", passwordSecret: "cachePassword", tls: true },
    ...{ cacheUser: "gateway", cachePasswordSecret: "gatewayPassword" },
  },
  integrationProxy: { address: "proxy.edge.svc:3128", credentialSecret: "proxyLogin" },
  jaegerStorage: "opensearch",
  opensearch: {
    urls: ["https://opensearch.search.svc:9200"],
    user: "jaeger",
    passwordSecret: "tracesPassword",
    ca: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
  },
  sizeOverrides: { jaeger: { replicas: 3 } },
};

export const elsewhereSecrets = [
  ...mostSecrets,
  ...["cachePassword", "gatewayPassword", "tracesPassword", "proxyLogin", "reportsDsn"],
];

export interface Made {
  readonly stack: Stack;
  readonly plan: KubernetesPlan;
  /** As `npm run render` prints them. */
  readonly manifests: readonly Manifest[];
}

/** As Pulumi hands settings over. */
export const rawConfig = (settings: Settings, secretKeys: readonly string[] = [], environment = "test"): RawConfig => ({
  environment,
  values: Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  ),
  secretKeys,
});

export const configFor = (settings: Settings, secretKeys: readonly string[] = [], environment = "test") =>
  loadConfig(rawConfig(settings, secretKeys, environment));

export const make = (
  settings: Settings = least,
  secretKeys: readonly string[] = [],
  environment = "test",
  digests: Readonly<Record<string, string>> = {},
): Made => madeOf(configFor(settings, secretKeys, environment), digests);

/** A stack of this repository as its settings file has it, with the one secret that its owner has to set. */
const repositorys = (stack: string): Made =>
  madeOf(loadConfig({ ...readSettings(stack), secretKeys: ["slackWebhookUrl"] }));

function madeOf(config: StackConfig, digests: Readonly<Record<string, string>> = {}): Made {
  const stack = describe(config, {
    services: backups(config),
    has: (tool) => !(tool === "grafana" && config.grafana === "off"),
  });
  const plan = planKubernetes(config, stack, { digests, ownCode: () => "c0de00c0de00" });
  return { stack, plan, manifests: plan.objects.map(publicManifest) };
}

/** Every size with little and with much: the environments that a proof over all manifests goes through. */
export const environments: readonly (readonly [string, () => Made])[] = [
  ...sizes.map((size) => [size, () => make({ ...least, size })] as const),
  ...sizes.map((size) => [`${size}, with everything`, () => make({ ...most, size }, mostSecrets)] as const),
  ["large, with stores elsewhere", () => make(elsewhere, elsewhereSecrets)],
  ["large, with everything and backups", () => make({ ...most, size: "large", backup: {} }, mostSecrets)],
  ["medium, with backups", () => make({ ...least, size: "medium", webLogin: true, backup: {} })],
  [
    "large, with backups in a claim that exists",
    () => make({ ...least, size: "large", grafana: "off", backup: { claim: "archive", keep: 3 } }),
  ],
  [
    "small, with the platform's own pods",
    () =>
      make({
        ...least,
        discovery: { namespaces: ["clinic", "lab"] },
        services: [
          {
            name: "lab-gateway",
            owner: "lab",
            metrics: { selector: { namespace: "lab", labels: { app: "gateway" }, port: 8080 } },
          },
        ],
      }),
  ],
  ["small, with the demo", () => make({ ...least, demo: true })],
  ["small, without Grafana", () => make({ ...least, grafana: "off" })],
  ["the repository's staging", () => repositorys("staging")],
  ["the repository's prod", () => repositorys("prod")],
];

interface Template {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: tests read pods freely.
  readonly spec: any;
}

/** The pod templates of all workloads, with the name of their service. */
export const templatesOf = (manifests: readonly Manifest[]): readonly (readonly [string, Template])[] =>
  manifests.flatMap(({ kind, spec }) => {
    if (!["StatefulSet", "Deployment", "Job", "CronJob"].includes(kind)) return [];
    const { template } = (kind === "CronJob"
      ? (spec as unknown as { readonly jobTemplate: { readonly spec: object } }).jobTemplate.spec
      : spec) as unknown as { readonly template: Template };
    return [[template.metadata.labels["app.kubernetes.io/name"] ?? "", template] as const];
  });

export const planned = ({ plan }: Made, kind: string, part?: string): readonly Planned[] =>
  plan.objects.filter((each) => each.manifest.kind === kind && (part === undefined || each.part === part));

/** Where and what is wrong with it. */
export const problemsOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    if (error instanceof StackError) return error.problems.map(({ where, what }) => `${where} ${what}`);
    throw error;
  }
  return [];
};

/** A service of a test's own. */
export const spec = (name: string, more: Partial<ServiceSpec> = {}): ServiceSpec => ({
  name,
  kind: "service",
  about: "",
  owner: "test",
  version: "1",
  artifact: { image: "example.com/image:1" },
  user: { uid: 1000, gid: 1000 },
  ports: { web: { number: 1000 } },
  ...more,
});

export const planOf = (specs: readonly ServiceSpec[], settings: Record<string, unknown> = least) =>
  planKubernetes(configFor(settings), { specs, aliases: new Map() }, { digests: {}, ownCode: () => "hash" });

/** What a service's files hold, by their keys. */
export const dataOf = (made: Made, service: string): Readonly<Record<string, string>> =>
  Object.assign({}, ...planned(made, "ConfigMap", service).map(({ manifest }) => manifest.data));
