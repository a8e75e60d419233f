// Raw Pulumi config -> StackConfig. All problems in one error; unknown keys are errors.
import { z } from "zod";
import { type Problem, StackError } from "./errors.ts";
import { type Duration, isDuration, isSize, type Size } from "./units.ts";

const duration = z.custom<Duration>((text) => typeof text === "string" && isDuration(text), {
  message: "is not a duration; write whole units, such as 15s, 5m or 15d",
});
const size = z.custom<Size>((text) => typeof text === "string" && isSize(text), {
  message: "is not a size; write a whole number and KiB, MiB, GiB or TiB",
});
/** A name that can be a resource name, a DNS label, a Prometheus job and part of a dashboard uid at once. */
const identifier = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, {
  message: "must be lower-case letters, digits and hyphens, start with a letter and have at most 40 characters",
});
const address = z.string().regex(/^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}$/, { message: "must be host:port" });
const httpUrl = z.url({ protocol: /^https?$/, message: "must be an http or https URL" });

const integration = z.discriminatedUnion("probe", [
  z.strictObject({
    name: identifier,
    probe: z.literal("http"),
    url: httpUrl,
    expectStatus: z.array(z.int().min(100).max(599)).min(1).default([200]),
    timeout: duration.default("5s"),
    interval: duration.default("30s"),
  }),
  z.strictObject({
    name: identifier,
    probe: z.literal("tcp"),
    address,
    timeout: duration.default("5s"),
    interval: duration.default("30s"),
  }),
]);

const database = z.strictObject({
  id: identifier,
  kind: z.enum(["postgres", "redis"]),
  address,
  user: z.string().min(1),
  /** The name of the config secret that holds the password: `pulumi config set --secret NAME`. */
  passwordSecret: z.string().min(1).optional(),
  database: z.string().min(1).default("postgres"),
});

const slo = z.strictObject({
  /** The share of good requests, such as 0.999. */
  availability: z.number().gt(0.5).lt(1),
});

const service = z.strictObject({
  name: identifier,
  owner: z.string().min(1),
  metrics: z.strictObject({ address, path: z.string().startsWith("/").default("/metrics") }),
  slo: slo.optional(),
  /** Services or integrations whose failure explains a failure of this one. */
  dependsOn: z.array(z.string().min(1)).default([]),
});

/** What a cluster's other users call it: a namespace, a secret, a class. */
const clusterName = z.string().regex(/^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/, {
  message: "must be a name of Kubernetes: lower-case letters, digits, hyphens and dots, at most 63 characters",
});
const imageReference = z.string().regex(/^[a-z0-9]+(?:[._:/-][a-zA-Z0-9._-]+)*(?:@sha256:[0-9a-f]{64})?$/, {
  message: "is not an image reference, such as registry.example.com/team/name:1.2.3",
});
const hostName = z.string().regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, { message: "must be a host name" });

/** Changes of one service's size; the rest follows from `vitals:size`. */
const sizeOverride = z.strictObject({
  replicas: z.int().min(1).max(9).optional(),
  /** Cores that it needs; it may use four times as much. */
  cpu: z.number().positive().max(64).optional(),
  /** Memory that it needs; it ends at twice as much. */
  memory: size.optional(),
  storage: size.optional(),
});

/** How people reach the pages in a cluster: each at SERVICE.HOST, with TLS. */
const ingress = z.strictObject({
  class: clusterName,
  host: hostName,
  /** The namespace in which the ingress controller runs: its pods alone may pass. */
  controllerNamespace: clusterName.default("ingress-nginx"),
  /** The cert-manager ClusterIssuer of the certificates; without it the secrets SERVICE-tls have to exist. */
  certManagerIssuer: clusterName.optional(),
  /** Who may open the pages that have no login of their own; without it these are not reachable from outside. */
  auth: z
    .union([
      z.strictObject({ url: httpUrl, signIn: httpUrl.optional() }),
      z.strictObject({ basicAuthSecret: clusterName }),
    ])
    .optional(),
  /** Handed to the ingress controller as they are. */
  annotations: z.record(z.string(), z.string()).default({}),
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

const alertOverride = z.strictObject({
  enabled: z.boolean().optional(),
  for: duration.optional(),
  severity: z.enum(["page", "ticket", "info"]).optional(),
  labels: z.record(z.string(), z.string()).optional(),
});

/** The keys under `vitals:` and their defaults. Scalars are declared in Pulumi.yaml too, where Pulumi itself checks their types. */
const shape = z.strictObject({
  platform: z.enum(["process", "docker", "kubernetes"]).default("process"),
  demo: z.boolean().default(false),
  portOffset: z.int().min(0).max(50_000).default(0),
  retention: duration.default("15d"),
  retentionSize: size.default("4GiB"),
  scrapeInterval: duration.default("15s"),
  redisMaxMemory: size.default("256MiB"),
  jaegerStorage: z.enum(["memory", "badger"]).default("badger"),
  grafana: z.enum(["auto", "off"]).default("auto"),
  slackChannel: z
    .string()
    .regex(/^#[a-z0-9_-]{1,79}$/, { message: "must be a channel such as #alerts" })
    .default("#alerts"),
  integrations: z.array(integration).default([]),
  databases: z.array(database).default([]),
  services: z.array(service).default([]),
  alertOverrides: z.record(z.string(), alertOverride).default({}),
  size: z.enum(["small", "medium", "large"]).default("small"),
  sizeOverrides: z.record(identifier, sizeOverride).default({}),
  remoteWrite: z.array(remoteWrite).default([]),
  namespace: clusterName.default("vitals"),
  storageClass: clusterName.optional(),
  /** Where our own image is pushed to and pulled from, such as registry.example.com/team. */
  registry: imageReference.optional(),
  /** Image references by service; `vitals` is the image of everything of our own. */
  images: z.record(identifier, imageReference).default({}),
  imagePullSecret: clusterName.optional(),
  ingress: ingress.optional(),
});

export type IntegrationConfig = z.infer<typeof integration>;
export type DatabaseConfig = z.infer<typeof database>;
export type ExternalServiceConfig = z.infer<typeof service>;
export type IngressConfig = z.infer<typeof ingress>;
export type AlertOverride = z.infer<typeof alertOverride>;
export type StackConfig = Readonly<z.infer<typeof shape>> & {
  /** The stack's name: dev, staging, prod. */
  readonly environment: string;
  /** Names under `vitals:` that Pulumi keeps encrypted; their values never come through here. */
  readonly secrets: readonly string[];
};

/** The secrets that a person may set; every other secret of the stack is generated. */
export const settableSecrets = ["slackWebhookUrl", "redisPassword", "grafanaAdminPassword"] as const;

const isSettable = (key: string): boolean => (settableSecrets as readonly string[]).includes(key);

export interface RawConfig {
  readonly environment: string;
  /** The keys under `vitals:` without the namespace; structured values as JSON text, as Pulumi gives them. */
  readonly values: Readonly<Record<string, string>>;
  readonly secretKeys: readonly string[];
}

/** Validates a stack's configuration. Throws one StackError with every problem: path, value and remedy. */
export function loadConfig(raw: RawConfig): StackConfig {
  const problems: Problem[] = [];
  const secrets = raw.secretKeys.filter((key) => !(key in shape.shape));
  const parsed: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(raw.values)) {
    if (secrets.includes(key)) continue;
    parsed[key] = isJson(key) ? fromJson(text) : text;
  }
  const result = shape.safeParse(parsed);
  if (!result.success) problems.push(...result.error.issues.flatMap((issue) => describe(issue, parsed)));
  if (result.success) problems.push(...crossChecks(result.data, secrets));
  if (problems.length > 0) throw new StackError(problems);
  return { ...(result.data as z.infer<typeof shape>), environment: raw.environment, secrets };
}

/** Keys whose text is JSON; every other value is a text, also when it looks like a number. */
const isJson = (key: string): boolean =>
  [
    "demo",
    "portOffset",
    "integrations",
    "databases",
    "services",
    "alertOverrides",
    "sizeOverrides",
    "remoteWrite",
    "images",
    "ingress",
  ].includes(key);

const fromJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

const pathOf = (path: readonly PropertyKey[]): string =>
  `vitals:${path.map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`)).join("")}`;

function describe(issue: z.core.$ZodIssue, input: unknown): readonly Problem[] {
  const value = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], input);
  if (issue.code === "unrecognized_keys") {
    const inClear = issue.path.length === 0 ? issue.keys.filter((key) => isSettable(key)) : [];
    const valid = issue.path.length === 0 ? [...Object.keys(shape.shape), ...settableSecrets] : [];
    return issue.keys.map((key) =>
      inClear.includes(key)
        ? {
            where: pathOf([key]),
            what: "is a secret, but stands there in clear",
            remedy: `Set it anew: pulumi config set --secret ${pathOf([key])}.`,
          }
        : {
            where: pathOf([...issue.path, key]),
            what: "is not a setting that exists",
            remedy:
              nearest(key, valid) ??
              (valid.length > 0
                ? `Remove it, or use one of: ${valid.join(", ")}.`
                : "Remove it, or correct its spelling."),
          },
    );
  }
  const shown = value === undefined ? "is missing" : `is ${JSON.stringify(value)}`;
  return [
    {
      where: pathOf(issue.path),
      what: `${shown}: ${issue.message}`,
      remedy: `Correct it: pulumi config set ${issue.path.length === 1 ? pathOf(issue.path) : `--path '${pathOf(issue.path)}'`} VALUE.`,
    },
  ];
}

function crossChecks(config: z.infer<typeof shape>, secrets: readonly string[]): readonly Problem[] {
  const problems: Problem[] = [];
  const unique = (key: string, names: readonly string[]): void => {
    for (const [index, name] of names.entries())
      if (names.indexOf(name) !== index)
        problems.push({
          where: `vitals:${key}[${index}]`,
          what: `the name "${name}" is taken by an earlier entry`,
          remedy: "Give each entry a name of its own.",
        });
  };
  unique(
    "integrations",
    config.integrations.map(({ name }) => name),
  );
  unique(
    "databases",
    config.databases.map(({ id }) => id),
  );
  unique(
    "services",
    config.services.map(({ name }) => name),
  );
  unique(
    "remoteWrite",
    config.remoteWrite.map(({ name }) => name),
  );
  const named = namedSecrets(config);
  for (const [where, name] of named)
    if (!secrets.includes(name))
      problems.push({
        where,
        what: `no secret named "${name}" is set`,
        remedy: `Set it: pulumi config set --secret ${name}.`,
      });
  for (const [index, { username, passwordSecret, tokenSecret }] of config.remoteWrite.entries())
    if ((username === undefined) !== (passwordSecret === undefined) || (username && tokenSecret))
      problems.push({
        where: `vitals:remoteWrite[${index}]`,
        what: "needs username and passwordSecret together, or tokenSecret alone, or none of them",
        remedy: "Name one way to log in.",
      });
  for (const key of secrets)
    if (!isSettable(key) && !named.some(([, name]) => name === key))
      problems.push({
        where: `vitals:${key}`,
        what: "is a secret that nothing uses",
        remedy:
          nearest(key, settableSecrets) ??
          `Remove it, or use one of: ${settableSecrets.join(", ")}; a database's password is named by its passwordSecret.`,
      });
  return problems;
}

/** Where the configuration names a secret -> that name. */
const namedSecrets = ({ databases, remoteWrite }: z.infer<typeof shape>): readonly (readonly [string, string])[] =>
  [
    ...databases.map(
      ({ passwordSecret }, index) => [`vitals:databases[${index}].passwordSecret`, passwordSecret] as const,
    ),
    ...remoteWrite.flatMap(({ passwordSecret, tokenSecret }, index) => [
      [`vitals:remoteWrite[${index}].passwordSecret`, passwordSecret] as const,
      [`vitals:remoteWrite[${index}].tokenSecret`, tokenSecret] as const,
    ]),
  ].flatMap(([where, name]) => (name === undefined ? [] : [[where, name] as const]));

/** "Did you mean …?" when one valid name is at most two edits away. */
export function nearest(name: string, valid: readonly string[]): string | undefined {
  const close = valid.filter((other) => distance(name.toLowerCase(), other.toLowerCase()) <= 2);
  return close.length === 0 ? undefined : `Did you mean ${close.join(" or ")}?`;
}

/** Levenshtein's edit distance. */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++)
      next.push(
        Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1)),
      );
    row = next;
  }
  return row[right.length] ?? 0;
}
