// What settings say about each other: a function for each rule, and the list of all.
import type { Problem } from "../errors.ts";
import { milliseconds } from "../units.ts";
import { secretProblems } from "./secrets.ts";
import { type StackConfig, shape } from "./settings.ts";

/** `malformed` are the places that are wrong in themselves: what rests on one of them is told when that one is corrected. */
type Check = (config: StackConfig, malformed: ReadonlySet<string>) => readonly Problem[];

export const crossChecks: Check = (config, malformed) => checks.flatMap((check) => check(config, malformed));

const uniqueNames: Check = ({ integrations, databases, services, remoteWrite, muteWindows }) =>
  Object.entries({
    integrations: integrations.map(({ name }) => name),
    databases: databases.map(({ id }) => id),
    services: services.map(({ name }) => name),
    remoteWrite: remoteWrite.map(({ name }) => name),
    muteWindows: muteWindows.map(({ name }) => name),
  }).flatMap(([key, names]) =>
    names.flatMap((name, index) =>
      name !== "" && names.indexOf(name) !== index
        ? [
            {
              where: `vitals:${key}[${index}]`,
              what: `the name "${name}" is taken by an earlier entry`,
              remedy: "Give each entry a name of its own.",
            },
          ]
        : [],
    ),
  );

const oneLogin: Check = ({ remoteWrite }) =>
  remoteWrite.flatMap(({ username, passwordSecret, tokenSecret }, index) =>
    (username === undefined) !== (passwordSecret === undefined) || (username && tokenSecret)
      ? [
          {
            where: `vitals:remoteWrite[${index}]`,
            what: "needs username and passwordSecret together, or tokenSecret alone, or none of them",
            remedy: "Name one way to log in.",
            follows: ["username", "passwordSecret", "tokenSecret"].map(
              (field) => `vitals:remoteWrite[${index}].${field}`,
            ),
          },
        ]
      : [],
  );

const mailLogin: Check = ({ pageReceiver }) =>
  pageReceiver?.kind === "email" && (pageReceiver.user === undefined) !== (pageReceiver.passwordSecret === undefined)
    ? [
        {
          where: "vitals:pageReceiver",
          what: "needs user and passwordSecret together, or none of them",
          remedy: "Add the one that is missing, or remove the other.",
          follows: ["vitals:pageReceiver.user", "vitals:pageReceiver.passwordSecret"],
        },
      ]
    : [];

const cacheLogin: Check = ({ redis }) =>
  (redis?.cacheUser === undefined) !== (redis?.cachePasswordSecret === undefined)
    ? [
        {
          where: "vitals:redis",
          what: "needs cacheUser and cachePasswordSecret together, or none of them",
          remedy: "Add the one that is missing, or remove the other.",
          follows: ["vitals:redis.cacheUser", "vitals:redis.cachePasswordSecret"],
        },
      ]
    : [];

const limitCounts: Check = ({ gateway, redis }) =>
  gateway?.limit !== undefined && redis !== undefined && redis.cacheUser === undefined
    ? [
        {
          where: "vitals:gateway.limit",
          what: "is set, but vitals:redis names no user as whom the gateway could count",
          remedy: "Add cacheUser and cachePasswordSecret to vitals:redis, or remove the limit.",
          follows: ["vitals:redis", "vitals:redis.cacheUser", "vitals:redis.cachePasswordSecret"],
        },
      ]
    : [];

const gatewayFront: Check = ({ gateway, demo }) =>
  gateway === undefined || demo
    ? []
    : [
        ...(gateway.access === undefined
          ? [
              {
                where: "vitals:gateway.access",
                what: "is missing: nobody could ask the gateway anything",
                remedy: "Name an OpenID provider: { issuer, audience, jwksUrl }.",
                follows: ["vitals:gateway", "vitals:demo"],
              },
            ]
          : []),
        ...(Object.keys(gateway.upstreams).length === 0
          ? [
              {
                where: "vitals:gateway.upstreams",
                what: "is empty: there is nothing to stand in front of",
                remedy: "Name the services and their URLs, such as { clinical-service: https://clinical.example.com }.",
                follows: ["vitals:gateway", "vitals:demo"],
              },
            ]
          : []),
      ];

const oneWayToSlack: Check = ({ secrets }) =>
  secrets.includes("slackWebhookUrl") && secrets.includes("slackBotToken")
    ? [
        {
          where: "vitals:slackBotToken",
          what: "is set beside vitals:slackWebhookUrl: every message would come twice",
          remedy: "Remove one of them: npx pulumi config rm vitals:slackWebhookUrl.",
        },
      ]
    : [];

const openSearch: Check = ({ jaegerStorage, opensearch }, malformed) => {
  if ((jaegerStorage === "opensearch") === (opensearch !== undefined)) return [];
  return [
    opensearch === undefined
      ? {
          where: "vitals:jaegerStorage",
          what: "is opensearch, but vitals:opensearch does not say where that is",
          remedy: "Set vitals:opensearch to { urls, user, passwordSecret }.",
          follows: [...malformed].filter((place) => place.startsWith("vitals:opensearch")),
        }
      : {
          where: "vitals:opensearch",
          what: `is set, but vitals:jaegerStorage is ${jaegerStorage}`,
          remedy: "Set vitals:jaegerStorage to opensearch, or remove it.",
          follows: ["vitals:jaegerStorage"],
        },
  ];
};

const redisElsewhere: Check = ({ redis, redisMaxMemory, secrets }) => {
  if (redis === undefined) return [];
  const moot = [
    // Pulumi fills the default in where nothing is set.
    ...(redisMaxMemory === shape.shape.redisMaxMemory.parse(undefined) ? [] : ["redisMaxMemory"]),
    ...secrets.filter((name) => name === "redisPassword"),
  ];
  return moot.map((key) => ({
    where: `vitals:${key}`,
    what: "is set, but vitals:redis names a Redis that somebody else runs",
    remedy: `Remove it: npx pulumi config rm vitals:${key}; or remove vitals:redis.`,
    follows: ["vitals:redis"],
  }));
};

const someGrafana: Check = ({ grafana, grafanaOidc }) =>
  grafana === "off" && grafanaOidc !== undefined
    ? [
        {
          where: "vitals:grafanaOidc",
          what: "says who may open Grafana, but vitals:grafana is off",
          remedy: "Remove it, or set vitals:grafana to auto.",
          follows: ["vitals:grafana"],
        },
      ]
    : [];

/** What is forgotten sooner than a backup is overdue would never be missed. */
const backupAge: Check = ({ backup, retention }) =>
  backup === undefined || milliseconds(backup.maxAge) < milliseconds(retention)
    ? []
    : [
        {
          where: "vitals:backup.maxAge",
          what: `is ${backup.maxAge}, but Prometheus keeps its samples for ${retention} only`,
          remedy: "Set it to less than vitals:retention, or keep samples longer.",
          follows: ["vitals:retention"],
        },
      ];

/** What only a cluster has. */
const clusterOnly: Check = ({ platform, services, discovery, backup }) =>
  platform === "kubernetes"
    ? []
    : [
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

const checks: readonly Check[] = [
  uniqueNames,
  secretProblems,
  oneLogin,
  mailLogin,
  cacheLogin,
  limitCounts,
  gatewayFront,
  oneWayToSlack,
  clusterOnly,
  backupAge,
  openSearch,
  redisElsewhere,
  someGrafana,
];
