// The shape of a stack's configuration: every setting with its type and default. Scalars are declared in Pulumi.yaml too.
import { z } from "zod";
import { databaseShape } from "./databases.ts";
import { anchorsShape, integrationShape } from "./integrations.ts";
import { deadMansSwitch, muteWindow, pageReceiver, slackChannels } from "./notifications.ts";
import {
  address,
  certificate,
  channel,
  clusterName,
  duration,
  hostName,
  httpUrl,
  identifier,
  identifierOfSecret,
  imageReference,
  imageRepository,
  metadataKey,
  namespaceName,
  origin,
  schedule,
  size,
} from "./scalars.ts";

/** The name of the config secret that is sent along: `pulumi config set --secret NAME`. */
const integration = integrationShape({ credentialSecret: identifierOfSecret.optional() });

/** Certificates are no secrets: they are here as text. What is not said is as with `true`. */
const databaseTls = z
  .strictObject({
    /** The authorities whose certificates are trusted, in the place of the public ones. */
    ca: certificate.optional(),
    /** Of the exporter itself, where the server wants one. */
    cert: certificate.optional(),
    /** The name of the config secret that holds its key. */
    keySecret: z.string().min(1).optional(),
    /** The name in the server's certificate, where the address is another. */
    serverName: z.string().min(1).optional(),
  })
  .refine(({ cert, keySecret }) => (cert === undefined) === (keySecret === undefined), {
    message: "needs cert and keySecret together, or none of them",
  });

const database = databaseShape({
  /** The name of the config secret that holds the password: `pulumi config set --secret NAME`. */
  passwordSecret: z.string().min(1).optional(),
  /** Over TLS, always verified; `true`: with a certificate of a public authority. */
  tls: z.union([z.boolean(), databaseTls]).optional(),
});

/** A Redis that somebody else runs, in the place of the stack's own. */
const externalRedis = z.strictObject({
  address,
  /** As whom its statistics are read; it needs +ping +info. */
  user: z.string().min(1).default("db-stats"),
  /** The name of the config secret that holds that user's password. */
  passwordSecret: z.string().min(1),
  /** Whether it speaks TLS, with a certificate of a public authority. */
  tls: z.boolean().default(false),
  /** As whom the gateway caches: all commands on keys of its own, `gateway:*`. */
  cacheUser: z.string().min(1).optional(),
  /** The name of the config secret that holds that user's password. */
  cachePasswordSecret: z.string().min(1).optional(),
});

/** An OpenID provider whose access tokens name roles. */
const issuer = z.strictObject({
  issuer: z.string().min(1),
  audience: z.string().min(1),
  jwksUrl: httpUrl,
  rolesClaim: z.string().min(1).default("roles"),
});

const slo = z.strictObject({
  /** The share of good requests, such as 0.999. */
  availability: z.number().gt(0.5).lt(1),
});

/** Where nobody says more, and there is a Redis to count in. */
export const gatewayLimit = { perMinute: 1_200, burst: 200 } as const;

/** What the gateway promises when nobody says more. */
export const gatewayAvailability = 0.995;

/** A Sentry-compatible ingest. Its DSN is a secret, so the place to which it leads is said beside it. */
const errorReports = z.strictObject({
  /** The name of the config secret that holds `https://KEY@HOST/PROJECT`. */
  dsnSecret: identifierOfSecret,
  host: hostName,
  port: z.int().min(1).max(65_535).default(443),
});

/** The API front. In the demo it knows the demo's services and takes the demo's tokens. */
const gateway = z.strictObject({
  /** The services that its routes name, and where they are. */
  upstreams: z.record(identifier, httpUrl).default({}),
  access: issuer.optional(),
  /** Requests of one caller: so many at once, and so many in a minute. Counted in Redis, as its cache's user. */
  limit: z.strictObject({ perMinute: z.int().min(1).max(1_000_000), burst: z.int().min(1).max(100_000) }).optional(),
  /** Origins whose pages may use the API. */
  cors: z.array(origin).default([]),
  /** Resources whose answers are never kept, such as lab-orders. */
  uncached: z.array(identifier).default([]),
  /** How much of what is asked it promises to answer without a server error. */
  slo: slo.default({ availability: gatewayAvailability }),
  /** Where its errors are reported; off without it. */
  errorReports: errorReports.optional(),
});

/** Jaeger's collector fills in what follows a $. */
const withoutDollar = { pattern: /^[^$\s]+$/, message: "must be without $ and spaces" } as const;

/** Where Jaeger keeps traces with `vitals:jaegerStorage: opensearch`. */
const opensearch = z.strictObject({
  urls: z.array(httpUrl.regex(withoutDollar.pattern, { message: withoutDollar.message })).min(1),
  user: z.string().regex(withoutDollar.pattern, { message: withoutDollar.message }),
  /** The name of the config secret that holds that user's password. */
  passwordSecret: z.string().min(1),
  /** The indices' names begin with it. */
  indexPrefix: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,59}$/, { message: "must be lower-case letters, digits, hyphens and underscores" })
    .default("vitals"),
  /** The certificate of the authority that signed the servers', where it is not a public one. */
  ca: certificate.optional(),
});

const labelValue = z.string().regex(/^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/, {
  message: "must be the value of a label: at most 63 letters, digits, hyphens, dots and underscores",
});
const metricsPath = z.string().startsWith("/");

/** Pods of a cluster, wherever they run in a namespace. */
const selector = z.strictObject({
  namespace: namespaceName,
  labels: z.record(metadataKey, labelValue).refine((labels) => Object.keys(labels).length > 0, {
    message: "has to name a label; without one it would be every pod of the namespace",
  }),
  /** The pods' own port, whether they declare it or not. */
  port: z.int().min(1).max(65_535),
  path: metricsPath.default("/metrics"),
});

const service = z.strictObject({
  name: identifier,
  owner: z.string().min(1),
  metrics: z
    .strictObject({ address: address.optional(), path: metricsPath.optional(), selector: selector.optional() })
    .refine(({ address: at, selector: of }) => (at === undefined) !== (of === undefined), {
      message: "needs an address, or a selector of pods, and not both",
    })
    .refine(({ path, selector: of }) => path === undefined || of === undefined, {
      message: "the path of selected pods stands in the selector",
    }),
  slo: slo.optional(),
  /** Services or integrations whose failure explains a failure of this one. */
  dependsOn: z.array(z.string().min(1)).default([]),
});

/** Pods that ask to be scraped themselves, in namespaces whose owners we are or have asked. */
const discovery = z.strictObject({
  namespaces: z.array(namespaceName).default([]),
  /** A pod that has it, set to "true", is scraped. */
  label: metadataKey.default("vitals/scrape"),
  /** What the annotations `/port`, `/path` and `/scheme` begin with. */
  annotations: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, {
      message: "must be the prefix of annotations, such as prometheus.io",
    })
    .default("prometheus.io"),
  /** Of one pod's scrape. */
  sampleLimit: z.int().min(1).max(1_000_000).default(10_000),
  /** Whether the stack creates the Roles in other namespaces; where it may not, their owners do. */
  roles: z.boolean().default(true),
});
/** Changes of one service's size; the rest follows from `vitals:size`. */
const sizeOverride = z.strictObject({
  replicas: z.int().min(1).max(9).optional(),
  /** Cores that it needs; it may use four times as much. */
  cpu: z.number().min(0.001).max(64).optional(),
  /** Memory that it needs; it ends at twice as much. */
  memory: size.optional(),
  storage: size.optional(),
});

/** How people reach the pages in a cluster: each at SERVICE.HOST, with TLS. */
const ingress = z.strictObject({
  class: clusterName,
  host: hostName,
  /** The namespace in which the ingress controller runs: its pods alone may pass. */
  controllerNamespace: namespaceName.default("ingress-nginx"),
  /** The cert-manager ClusterIssuer of the certificates; without it the secrets SERVICE-tls have to exist. */
  certManagerIssuer: clusterName.optional(),
  /** Who may open the pages that have no login of their own; without it these are not reachable from outside. */
  auth: z
    .union(
      [z.strictObject({ url: httpUrl, signIn: httpUrl.optional() }), z.strictObject({ basicAuthSecret: clusterName })],
      { error: "must be { url, signIn } of an authentication endpoint or { basicAuthSecret }, and not both" },
    )
    .optional(),
  /** Handed to the ingress controller as they are. */
  annotations: z.record(metadataKey, z.string()).default({}),
});

const remoteWrite = z.strictObject({
  name: identifier,
  url: httpUrl,
  username: z.string().min(1).optional(),
  /** The name of the config secret that holds the password. */
  passwordSecret: z.string().min(1).optional(),
  /** The name of the config secret that holds a bearer token. */
  tokenSecret: z.string().min(1).optional(),
});

/** Text that stands in Grafana's ini file: one line, and nothing that Grafana would fill in. */
const iniSafe = /^(?!.*(?:\$|%\(|""")).*\S.*$/;
const iniText = z.string().regex(iniSafe, { message: 'must be one line, without $, %( and """' });
const iniUrl = httpUrl.regex(iniSafe, { message: 'must be an http or https URL without $, %( and """' });
const iniWords = z.array(z.string().regex(/^[^\s,;#`$%"]+$/, { message: "must be one word" }));

/** Who may open Grafana: people whom an OpenID provider knows. */
const grafanaOidc = z
  .strictObject({
    /** What the button on the login page says. */
    name: iniText.default("single sign-on"),
    authUrl: iniUrl,
    tokenUrl: iniUrl,
    /** The provider's userinfo endpoint. */
    apiUrl: iniUrl,
    clientId: iniText,
    /** The name of the config secret that holds the client's secret. */
    clientSecret: identifierOfSecret,
    scopes: iniWords.min(1).default(["openid", "profile", "email"]),
    /** Who may come in, by the domain of the address or by group. */
    allowedDomains: iniWords.default([]),
    allowedGroups: iniWords.default([]),
    /** JMESPath to a person's groups. */
    groupsAttributePath: iniText.default("groups"),
    /** JMESPath that yields Viewer, Editor or Admin; whoever it yields nothing for is turned away. Without it all are viewers. */
    roleAttributePath: iniText.optional(),
    /** Whether somebody who comes for the first time gets in. */
    signUp: z.boolean().default(true),
    /** Straight to the provider, past Grafana's own page. */
    autoLogin: z.boolean().default(false),
    /** Keeps the form for user and password, such as for the administrator. */
    loginForm: z.boolean().default(false),
  })
  .refine(
    ({ signUp, allowedDomains, allowedGroups, roleAttributePath }) =>
      !signUp || allowedDomains.length + allowedGroups.length > 0 || roleAttributePath !== undefined,
    {
      message:
        "lets in everybody whom the provider knows; name allowedDomains, allowedGroups or a roleAttributePath, or set signUp to false",
    },
  );

/** Copies of what Prometheus, Alertmanager and Grafana hold. Sizes: `sizeOverrides` of prometheus-backup, … */
const backup = z
  .strictObject({
    /** As cron writes it, in UTC. */
    schedule: schedule.default("17 2 * * *"),
    keep: z.int().min(1).max(365).default(7),
    /** When the newest whole one is older, an alert says so: somewhat more than the time between two. */
    maxAge: duration.default("26h"),
    storageClass: clusterName.optional(),
    /** A claim that exists and that pods on several nodes may write to at once, for all backups together. */
    claim: clusterName.optional(),
  })
  .refine(({ storageClass, claim }) => storageClass === undefined || claim === undefined, {
    message: "needs a storageClass for claims of its own, or a claim that exists and has one, and not both",
  });

const alertOverride = z.strictObject({
  enabled: z.boolean().optional(),
  /** In the unit of the alert's value: a ratio of 0.1 is 10 %, times are seconds, sizes bytes. */
  threshold: z.number().optional(),
  for: duration.optional(),
  keepFiringFor: duration.optional(),
  severity: z.enum(["page", "ticket", "info"]).optional(),
  labels: z.record(z.string(), z.string()).optional(),
});

/** The keys under `vitals:` and their defaults. Scalars are declared in Pulumi.yaml too, where Pulumi itself checks their types. */
export const shape = z.strictObject({
  platform: z.enum(["process", "docker", "kubernetes"]).default("process"),
  demo: z.boolean("must be true or false").default(false),
  portOffset: z.int("must be a whole number").min(0).max(50_000).default(0),
  retention: duration.default("15d"),
  retentionSize: size.default("4GiB"),
  scrapeInterval: duration.default("15s"),
  redis: externalRedis.optional(),
  redisMaxMemory: size.default("256MiB"),
  jaegerStorage: z.enum(["memory", "badger", "opensearch"]).default("badger"),
  opensearch: opensearch.optional(),
  /** Percent of the traces without an error that were not slow either. */
  tracesKept: z.int("must be a whole number").min(0).max(100).default(10),
  grafana: z.enum(["auto", "off"]).default("auto"),
  /** Whether Prometheus and Alertmanager ask for a password. */
  webLogin: z.boolean().default(false),
  slackChannel: channel.default("#alerts"),
  slackChannels: slackChannels.prefault({}),
  pageReceiver: pageReceiver.optional(),
  deadMansSwitch: deadMansSwitch.optional(),
  muteWindows: z.array(muteWindow).default([]),
  integrations: z.array(integration).default([]),
  /** Places on the internet by which integration-health knows whether it is online itself. */
  anchors: anchorsShape,
  /** An HTTP proxy that leads to the internet; its secret holds `user:password`. */
  integrationProxy: z.strictObject({ address, credentialSecret: identifierOfSecret.optional() }).optional(),
  /** Whose tokens its API takes, besides the generated secret `healthApiToken`; they have to name the role `manager`. */
  healthApi: issuer.optional(),
  gateway: gateway.optional(),
  databases: z.array(database).default([]),
  /** Whether db-stats gives texts of statements to whoever has the generated secret `statementsToken`. */
  statementTexts: z.boolean("must be true or false").default(false),
  services: z.array(service).default([]),
  alertOverrides: z.record(z.string(), alertOverride).default({}),
  size: z.enum(["small", "medium", "large"]).default("small"),
  sizeOverrides: z.record(identifier, sizeOverride).default({}),
  remoteWrite: z.array(remoteWrite).default([]),
  /** Everything in it is the stack's: it keeps the restricted standard, and denies all traffic but the stack's own. */
  namespace: namespaceName
    .refine((name) => !/^(?:default|kube-.*)$/.test(name), { message: "must be a namespace of the stack's own" })
    .default("vitals"),
  storageClass: clusterName.optional(),
  /** Where our own image is pushed to and pulled from, such as registry.example.com/team. */
  registry: imageRepository.optional(),
  /** Image references by service; `vitals` is the image of everything of our own. */
  images: z.record(identifier, imageReference).default({}),
  /** Whether an `up` builds and pushes our own image to the registry, when it has a new tag; without, somebody else does. */
  buildImage: z.boolean().default(true),
  /** The processors of the machines that our own image runs on. */
  imagePlatforms: z
    .array(z.enum(["linux/amd64", "linux/arm64"]))
    .min(1)
    .default(["linux/amd64"]),
  imagePullSecret: clusterName.optional(),
  grafanaOidc: grafanaOidc.optional(),
  ingress: ingress.optional(),
  backup: backup.optional(),
  discovery: discovery.prefault({}),
});

export type IntegrationConfig = z.infer<typeof integration>;
export type DatabaseConfig = z.infer<typeof database>;
export type ExternalServiceConfig = z.infer<typeof service>;
export type OidcConfig = z.infer<typeof grafanaOidc>;
export type IngressConfig = z.infer<typeof ingress>;
export type AlertOverride = z.infer<typeof alertOverride>;

/** The settings as they are after validation. */
export type Settings = z.infer<typeof shape>;

export type StackConfig = Readonly<Settings> & {
  /** The stack's name: dev, staging, prod. */
  readonly environment: string;
  /** Names under `vitals:` that Pulumi keeps encrypted; their values never come through here. */
  readonly secrets: readonly string[];
};
