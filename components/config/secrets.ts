// The secrets that a configuration may hold: those with a name of their own, and those that another setting names.
import type { Problem } from "../errors.ts";
import { nearest } from "./nearest.ts";
import type { Settings, StackConfig } from "./settings.ts";

/** The secrets that a person may set; every other secret of the stack is generated. */
export const settableSecrets = [
  "slackWebhookUrl",
  "slackBotToken",
  "redisPassword",
  "grafanaAdminPassword",
  "prometheusPassword",
  "alertmanagerPassword",
  "healthApiToken",
  "statementsToken",
  "npmConfig",
] as const;

/** Secrets that may come from the environment where the configuration does not have them. */
const variables: Readonly<Record<string, string>> = { slackWebhookUrl: "SLACK_WEBHOOK_URL" };

/** The value of a secret that the environment holds; undefined where it holds none. */
export const fromEnvironment = (name: string, env = process.env): string | undefined => {
  const value = env[variables[name] ?? ""]?.trim();
  return value === "" ? undefined : value;
};

/** The names of the secrets that are set, with those of the environment. One way to Slack is enough. */
export const withEnvironment = (names: readonly string[], env = process.env): readonly string[] => [
  ...names,
  ...(names.includes("slackBotToken") ? [] : Object.keys(variables)).filter(
    (name) => !names.includes(name) && fromEnvironment(name, env) !== undefined,
  ),
];

export const isSettable = (key: string): boolean => (settableSecrets as readonly string[]).includes(key);

/** The settings that may name a secret. */
const naming =
  /^vitals:(?:integrations(?:\[\d+\](?:\.(?:probe|preset|credentialSecret))?)?$|(?:databases|integrationProxy|remoteWrite|grafanaOidc|redis|opensearch|pageReceiver|deadMansSwitch|gateway)\b)/;

/** Secrets that are named and not set, or set and used by nothing. */
export function secretProblems(config: StackConfig, malformed: ReadonlySet<string>): readonly Problem[] {
  const { secrets } = config;
  const named = namedSecrets(config);
  // An entry that is malformed may be the one that would have named it.
  const allRead = ![...malformed].some((place) => naming.test(place));
  return [
    ...named
      .filter(([, name]) => !secrets.includes(name))
      .map(([where, name]) => ({
        where,
        what: `no secret named "${name}" is set`,
        remedy: `Set it: npx pulumi config set --secret ${name}.`,
      })),
    ...(allRead ? secrets : [])
      .filter((key) => !isSettable(key) && !named.some(([, name]) => name === key))
      .map((key) => ({
        where: `vitals:${key}`,
        what: "is a secret that nothing uses",
        remedy:
          nearest(key, settableSecrets) ??
          `Remove it, or use one of: ${settableSecrets.join(", ")}; a database's password is named by its passwordSecret.`,
      })),
  ];
}

/** Where the configuration names a secret -> that name. */
const namedSecrets = ({
  integrations,
  integrationProxy,
  databases,
  remoteWrite,
  grafanaOidc,
  redis,
  opensearch,
  pageReceiver,
  deadMansSwitch,
  gateway,
}: Settings): readonly (readonly [string, string])[] =>
  [
    ...integrations.map(
      ({ credentialSecret }, index) => [`vitals:integrations[${index}].credentialSecret`, credentialSecret] as const,
    ),
    ...databases.flatMap(({ passwordSecret, tls }, index) => [
      [`vitals:databases[${index}].passwordSecret`, passwordSecret] as const,
      [`vitals:databases[${index}].tls.keySecret`, typeof tls === "object" ? tls.keySecret : undefined] as const,
    ]),
    ...remoteWrite.flatMap(({ passwordSecret, tokenSecret }, index) => [
      [`vitals:remoteWrite[${index}].passwordSecret`, passwordSecret] as const,
      [`vitals:remoteWrite[${index}].tokenSecret`, tokenSecret] as const,
    ]),
    ["vitals:integrationProxy.credentialSecret", integrationProxy?.credentialSecret] as const,
    ["vitals:opensearch.passwordSecret", opensearch?.passwordSecret] as const,
    ["vitals:redis.passwordSecret", redis?.passwordSecret] as const,
    ["vitals:redis.cachePasswordSecret", redis?.cachePasswordSecret] as const,
    ["vitals:grafanaOidc.clientSecret", grafanaOidc?.clientSecret] as const,
    pageReceiver?.kind === "webhook"
      ? (["vitals:pageReceiver.urlSecret", pageReceiver.urlSecret] as const)
      : (["vitals:pageReceiver.passwordSecret", pageReceiver?.passwordSecret] as const),
    ["vitals:deadMansSwitch.urlSecret", deadMansSwitch?.urlSecret] as const,
    ["vitals:gateway.errorReports.dsnSecret", gateway?.errorReports?.dsnSecret] as const,
  ].flatMap(([where, name]) => (name === undefined ? [] : [[where, name] as const]));
