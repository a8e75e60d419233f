// Raw Pulumi config -> StackConfig. All problems in one error; unknown keys are errors.
import type { z } from "zod";
import { type Problem, StackError } from "./errors.ts";
import { mend } from "./mend.ts";
import { type Settings, shape } from "./settings.ts";

export type {
  AlertOverride,
  DatabaseConfig,
  ExternalServiceConfig,
  IngressConfig,
  IntegrationConfig,
  OidcConfig,
} from "./settings.ts";

export type StackConfig = Readonly<Settings> & {
  /** The stack's name: dev, staging, prod. */
  readonly environment: string;
  /** Names under `vitals:` that Pulumi keeps encrypted; their values never come through here. */
  readonly secrets: readonly string[];
};

/** The secrets that a person may set; every other secret of the stack is generated. */
export const settableSecrets = [
  "slackWebhookUrl",
  "redisPassword",
  "grafanaAdminPassword",
  "prometheusPassword",
  "alertmanagerPassword",
  "npmConfig",
] as const;

const isSettable = (key: string): boolean => (settableSecrets as readonly string[]).includes(key);

export interface RawConfig {
  readonly environment: string;
  /** The keys under `vitals:` without the namespace; structured values as JSON text, as Pulumi gives them. */
  readonly values: Readonly<Record<string, string>>;
  readonly secretKeys: readonly string[];
}

export interface Reading {
  /** With problems, only good for looking for more of them: what is malformed is mended. */
  readonly config: StackConfig;
  readonly problems: readonly Problem[];
  /** The places that are malformed: a problem that rests on one of them is told when that one is corrected. */
  readonly malformed: ReadonlySet<string>;
}

/** Validates a stack's configuration. Throws one StackError with every problem: path, value and remedy. */
export function loadConfig(raw: RawConfig): StackConfig {
  const { config, problems } = readConfig(raw);
  if (problems.length > 0) throw new StackError(problems);
  return config;
}

/** As `loadConfig`, for a caller that has more to find out before it tells. */
export function readConfig(raw: RawConfig): Reading {
  const secrets = raw.secretKeys.filter((key) => !(key in shape.shape));
  const parsed: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(raw.values)) {
    if (secrets.includes(key)) continue;
    parsed[key] = isJson(key) ? fromJson(text) : text;
  }
  const result = shape.safeParse(parsed);
  const problems = result.success ? [] : result.error.issues.flatMap((issue) => describe(issue, parsed));
  const { settings, nameless } = mend(parsed);
  const config = { ...settings, environment: raw.environment, secrets };
  const misspelt = Object.keys(parsed).flatMap((key) =>
    key in shape.shape ? [] : near(key, Object.keys(shape.shape)),
  );
  const malformed = new Set([
    ...problems.map(({ where }) => where),
    ...[...nameless, ...misspelt].map((key) => `vitals:${key}`),
  ]);
  return { config, problems: [...problems, ...genuine(crossChecks(config, malformed), malformed)], malformed };
}

/** Without the problems that may be gone once what is malformed is corrected. */
export const genuine = (problems: readonly Problem[], malformed: Reading["malformed"]): readonly Problem[] =>
  problems.filter(({ where, follows = [] }) => ![where, ...follows].some((place) => malformed.has(place)));

/** Booleans, numbers and structures come as JSON; every other value is a text, also when it looks like a number. */
function isJson(key: string): boolean {
  let field: z.core.$ZodType | undefined = (shape.shape as Record<string, z.core.$ZodType>)[key];
  while (field !== undefined && "innerType" in field._zod.def) field = field._zod.def.innerType as z.core.$ZodType;
  return (
    field !== undefined && ["boolean", "number", "array", "record", "object", "union"].includes(field._zod.def.type)
  );
}

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
            remedy: `Set it anew: npx pulumi config set --secret ${pathOf([key])}.`,
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
      remedy: `Correct it: npx pulumi config set ${issue.path.length === 1 ? pathOf(issue.path) : `--path '${pathOf(issue.path)}'`} VALUE.`,
    },
  ];
}

function crossChecks(config: StackConfig, malformed: Reading["malformed"]): readonly Problem[] {
  const { secrets } = config;
  const problems: Problem[] = [];
  const unique = (key: string, names: readonly string[]): void => {
    for (const [index, name] of names.entries())
      if (name !== "" && names.indexOf(name) !== index)
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
        remedy: `Set it: npx pulumi config set --secret ${name}.`,
      });
  for (const [index, { username, passwordSecret, tokenSecret }] of config.remoteWrite.entries())
    if ((username === undefined) !== (passwordSecret === undefined) || (username && tokenSecret))
      problems.push({
        where: `vitals:remoteWrite[${index}]`,
        what: "needs username and passwordSecret together, or tokenSecret alone, or none of them",
        remedy: "Name one way to log in.",
        follows: ["username", "passwordSecret", "tokenSecret"].map((field) => `vitals:remoteWrite[${index}].${field}`),
      });
  if (config.platform !== "kubernetes") problems.push(...clusterOnly(config));
  if ((config.jaegerStorage === "opensearch") !== (config.opensearch !== undefined))
    problems.push(
      config.opensearch === undefined
        ? {
            where: "vitals:jaegerStorage",
            what: "is opensearch, but vitals:opensearch does not say where that is",
            remedy: "Set vitals:opensearch to { urls, user, passwordSecret }.",
            follows: [...malformed].filter((place) => place.startsWith("vitals:opensearch")),
          }
        : {
            where: "vitals:opensearch",
            what: `is set, but vitals:jaegerStorage is ${config.jaegerStorage}`,
            remedy: "Set vitals:jaegerStorage to opensearch, or remove it.",
            follows: ["vitals:jaegerStorage"],
          },
    );
  // An entry that is malformed may be the one that would have named it.
  const allRead = ![...malformed].some((place) =>
    /^vitals:(?:databases|remoteWrite|grafanaOidc|redis|opensearch)\b/.test(place),
  );
  for (const key of allRead ? secrets : [])
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

/** What only a cluster has. */
const clusterOnly = ({ platform, services, discovery, backup }: Settings): readonly Problem[] => [
  ...(backup === undefined
    ? []
    : [
        {
          where: "vitals:backup",
          what: `starts jobs by the clock, which the platform ${platform} does not`,
          remedy: "Remove it, and copy the data directories while the stack is stopped.",
          follows: ["vitals:platform"],
        },
      ]),
  ...services.flatMap(({ metrics: { selector } }, index) =>
    selector === undefined
      ? []
      : [
          {
            where: `vitals:services[${index}].metrics.selector`,
            what: `selects pods, and there are no pods on the platform ${platform}`,
            remedy: "Name where the service has its metrics: metrics: { address: HOST:PORT }.",
            follows: ["vitals:platform"],
          },
        ],
  ),
  ...(discovery.namespaces.length === 0
    ? []
    : [
        {
          where: "vitals:discovery.namespaces",
          what: `looks for pods, and there are no pods on the platform ${platform}`,
          remedy: "Remove it, and name each service in vitals:services with its address.",
          follows: ["vitals:platform"],
        },
      ]),
];

/** Where the configuration names a secret -> that name. */
const namedSecrets = ({
  databases,
  remoteWrite,
  grafanaOidc,
  redis,
  opensearch,
}: Settings): readonly (readonly [string, string])[] =>
  [
    ...databases.map(
      ({ passwordSecret }, index) => [`vitals:databases[${index}].passwordSecret`, passwordSecret] as const,
    ),
    ...remoteWrite.flatMap(({ passwordSecret, tokenSecret }, index) => [
      [`vitals:remoteWrite[${index}].passwordSecret`, passwordSecret] as const,
      [`vitals:remoteWrite[${index}].tokenSecret`, tokenSecret] as const,
    ]),
    ["vitals:opensearch.passwordSecret", opensearch?.passwordSecret] as const,
    ["vitals:redis.passwordSecret", redis?.passwordSecret] as const,
    ["vitals:grafanaOidc.clientSecret", grafanaOidc?.clientSecret] as const,
  ].flatMap(([where, name]) => (name === undefined ? [] : [[where, name] as const]));

/** "Did you mean …?" when one valid name is at most two edits away. */
export function nearest(name: string, valid: readonly string[]): string | undefined {
  const close = near(name, valid);
  return close.length === 0 ? undefined : `Did you mean ${close.join(" or ")}?`;
}

const near = (name: string, valid: readonly string[]): readonly string[] =>
  valid.filter((other) => distance(name.toLowerCase(), other.toLowerCase()) <= 2);

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
