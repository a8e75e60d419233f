// Raw Pulumi config -> StackConfig. All problems in one error; unknown keys are errors.
import type { z } from "zod";
import { crossChecks } from "./config/checks.ts";
import { mend } from "./config/mend.ts";
import { near, nearest } from "./config/nearest.ts";
import { namesSecret } from "./config/scalars.ts";
import { isSettable, settableSecrets } from "./config/secrets.ts";
import { type StackConfig, shape } from "./config/settings.ts";
import { listingKeys, remedyOf } from "./config/unknown.ts";
import { type Problem, StackError } from "./errors.ts";

export type {
  AlertOverride,
  DatabaseConfig,
  ExternalServiceConfig,
  IngressConfig,
  IntegrationConfig,
  OidcConfig,
  StackConfig,
} from "./config/settings.ts";

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
  const result = shape.safeParse(parsed, listingKeys);
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
    const valid = [...Object.keys(shape.shape), ...settableSecrets];
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
              issue.path.length > 0
                ? remedyOf(key, issue.message)
                : (nearest(key, valid) ?? `Remove it, or use one of: ${valid.join(", ")}.`),
          },
    );
  }
  const shown = value === undefined ? "is missing" : `is ${withoutSecrets(value, issue.path.at(-1))}`;
  return [
    {
      where: pathOf(issue.path),
      what: `${shown}: ${issue.message}`,
      remedy: `Correct it: npx pulumi config set ${issue.path.length === 1 ? pathOf(issue.path) : `--path '${pathOf(issue.path)}'`} VALUE.`,
    },
  ];
}

/** A value as a message may repeat it: a login or a parameter of a URL, and what is called like a secret, may be one. */
const withoutSecrets = (value: unknown, key: PropertyKey | undefined): string =>
  JSON.stringify({ [String(key)]: value }, (name, each: unknown) =>
    typeof each === "string" && namesSecret(name) && !/Secret$/.test(name) ? "…" : each,
  )
    .replace(/^\{"(?:[^"\\]|\\.)*":/, "")
    .slice(0, -1)
    .replaceAll(/\/\/[^/?#"]*@/g, "//…@")
    .replaceAll(/([?&][^=&#"\s]*=)[^&#"\s]+/g, "$1…");
