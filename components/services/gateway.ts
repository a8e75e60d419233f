// The API front: there when somebody says whose tokens it takes, and in the demo, which has an issuer of its own.

import { gatewayLimit } from "../config/settings.ts";
import type { StackConfig } from "../config.ts";
import {
  at,
  file,
  hostAndPort,
  listenHost,
  listenPort,
  type ServiceSpec,
  secret,
  type Tree,
  urlOf,
  type Value,
} from "../spec.ts";
import { redisUser } from "./redis.ts";
import { sized } from "./sizes.ts";

const configPath = "/etc/vitals/gateway.json";

/** With the 1 MiB that V8 would take in its container, a busy gateway spends an eighth of the processor on collecting. */
export const gatewayArtifact = { node: "gateway/main.ts", semiSpace: "16MiB" } as const;

/** The demo's services that it stands in front of. */
export const demoUpstreams = ["clinical-service", "business-service", "medication-service"] as const;
/** The demo's issuer, for whom and by what name. */
export const demoIssuer = { issuer: "demo-login", audience: "clinic-api" } as const;

/** Whether the demo's own traffic has tokens for it. */
export const takesDemoTokens = ({ demo, gateway }: StackConfig): boolean => demo && gateway?.access === undefined;

export function gateway(config: StackConfig): readonly ServiceSpec[] {
  const { gateway: settings, demo } = config;
  if (settings === undefined && !demo) return [];
  const { upstreams = {}, access, limit = gatewayLimit, cors = [] as readonly string[] } = settings ?? {};
  const redis = redisOf(config);
  const uncached = settings?.uncached ?? [];
  const reports = settings?.errorReports;
  const { replicas, resources } = sized(config, "gateway");
  const own = demo ? demoUpstreams.filter((name) => upstreams[name] === undefined) : [];
  return [
    {
      name: "gateway",
      kind: "service",
      about: "the API of the platform's services",
      owner: "platform",
      version: "0.1.0",
      artifact: gatewayArtifact,
      args: [
        ...["--config", file(configPath), "--host", listenHost("web"), "--port", listenPort("web")],
        ...["--operations-port", listenPort("operations"), "--traces", urlOf("jaeger/otlp-http")],
      ],
      files: {
        [configPath]: {
          apply: "restart",
          content: {
            json: {
              upstreams: {
                ...Object.fromEntries(own.map((name): [string, Value] => [name, urlOf(`${name}/web`)])),
                ...upstreams,
              },
              access: access ?? { ...demoIssuer, jwksUrl: urlOf("demo-login/web", "/jwks.json") },
              ...(redis && { redis, limit }),
              cors,
              ...(uncached.length === 0 ? {} : { uncached }),
              introspection: config.environment !== "prod",
              secretFile: secret("gatewaySecret", "path"),
              ...(reports === undefined ? {} : { errorReports: { dsnFile: secret(reports.dsnSecret, "path") } }),
            },
          },
        },
      },
      ports: {
        web: { number: 4008, scope: access === undefined ? "host" : "public", title: "API", login: "people" },
        operations: { number: 4013 },
      },
      needs: own.map((name) => ({ on: `${name}/web` as const, when: "started" as const })),
      egress: [
        ...[...Object.values(upstreams), ...(access === undefined ? [] : [access.jwksUrl])].map(hostAndPort),
        ...(reports === undefined ? [] : [{ host: reports.host, port: reports.port }]),
      ],
      ready: { http: "operations", path: "/readyz" },
      alive: { http: "operations", path: "/healthz" },
      metrics: [{ port: "operations" }],
      replicas,
      resources,
    },
  ];
}

/** The stack's own Redis has a user for it; in somebody else's it caches and counts when it is told a user. */
function redisOf({ redis }: StackConfig): { readonly [key: string]: Tree } | undefined {
  const address = at("redis/redis");
  if (redis === undefined) return { address, user: redisUser, passwordFile: secret("redisPassword", "path") };
  const { cacheUser: user, cachePasswordSecret, tls } = redis;
  if (user === undefined || cachePasswordSecret === undefined) return undefined;
  return { address, user, passwordFile: secret(cachePasswordSecret, "path"), tls };
}
