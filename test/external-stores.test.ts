// Stores that somebody else runs: what the stack leaves out then, who reads them, and what has to be set.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readConfig, type StackConfig } from "../components/config.ts";
import { planners } from "../components/platforms/index.ts";
import { secretsFolder } from "../components/platforms/mounts.ts";
import { describe as describeStack } from "../components/stack.ts";
import { statsConfig } from "../exporters/db-stats/config.ts";
import { gatewayConfig } from "../gateway/config.ts";
import { platforms } from "./platforms/conformance.ts";
import { least, make, type Settings } from "./platforms/kubernetes-stacks.ts";

const read = (settings: Readonly<Record<string, unknown>>, secretKeys: readonly string[]) =>
  readConfig({
    environment: "test",
    values: {
      registry: "registry.example.com/team",
      ...Object.fromEntries(
        Object.entries(settings).map(([key, value]) => [
          key,
          typeof value === "string" ? value : JSON.stringify(value),
        ]),
      ),
    },
    secretKeys,
  });

const stackOf = (config: StackConfig) => describeStack(config, { services: [], has: () => true });

const redis = { address: "cache.example.com:6380", user: "stats", passwordSecret: "cachePassword", tls: true };

describe.each(Object.keys(planners))("a Redis elsewhere, on the platform %s", (platform) => {
  const made = (settings: Readonly<Record<string, unknown>>, secretKeys: readonly string[]) => {
    const { config, problems } = read(settings, secretKeys);
    expect(problems).toEqual([]);
    return platforms[platform]?.(config, stackOf(config)) ?? {};
  };

  it("takes the place of the stack's own", () => {
    expect(Object.keys(made({}, []))).toContain("redis");
    const services = made({ redis }, ["cachePassword"]);
    expect(Object.keys(services)).not.toContain("redis");
    expect(JSON.stringify(services)).not.toContain("redisStatsPassword");
  });

  it("is read by db-stats, as the user and with the password that are named, under the id that alerts know", async () => {
    const text = made({ redis }, ["cachePassword"])["db-stats"]?.files["/etc/vitals/exporter.json"] ?? "{}";
    expect(JSON.parse(text).databases).toEqual([
      {
        id: "redis",
        kind: "redis",
        address: redis.address,
        user: "stats",
        passwordFile: "<secret cachePassword>",
        tls: true,
      },
    ]);
    const { config } = read({ redis }, ["cachePassword"]);
    const planner = await planners[platform as keyof typeof planners]?.();
    expect(JSON.stringify(planner?.plan(config, stackOf(config)))).toContain("cache.example.com:6380");
  });
});

describe.each(Object.keys(planners))("a database of the platform, on the platform %s", (platform) => {
  const entry = { id: "sessions", kind: "redis", address: "sessions.example.com:6380", user: "stats" };

  it("is read over TLS where that is said", () => {
    const { config, problems } = read(
      {
        databases: [
          { ...entry, tls: true },
          { ...entry, id: "jobs" },
        ],
      },
      [],
    );
    expect(problems).toEqual([]);
    const services = platforms[platform]?.(config, stackOf(config)) ?? {};
    const { databases } = JSON.parse(services["db-stats"]?.files["/etc/vitals/exporter.json"] ?? "{}");
    expect(databases.map(({ id, tls }: { id: string; tls?: boolean }) => [id, tls])).toEqual([
      ["redis", undefined],
      ["sessions", true],
      ["jobs", undefined],
    ]);
    // The exporter takes what the stack writes; the stack's own has no address yet.
    expect(statsConfig.parse({ databases: databases.slice(1) }).databases).toHaveLength(2);
  });

  it("is a PostgreSQL read over TLS, too, with collectors as they are wanted", () => {
    const collectors = { bloat: { enabled: false }, statements: { timeout: "2s", ttl: "30s" } };
    const { config, problems } = read(
      { databases: [{ ...entry, kind: "postgres", tls: true, slowStatement: "2s", collectors }] },
      [],
    );
    expect(problems).toEqual([]);
    const services = platforms[platform]?.(config, stackOf(config)) ?? {};
    const { databases } = JSON.parse(services["db-stats"]?.files["/etc/vitals/exporter.json"] ?? "{}");
    expect(statsConfig.parse({ databases: databases.slice(1) }).databases).toMatchObject([
      { tls: true, slowStatement: "2s", collectors },
    ]);
  });
});

const opensearch = { urls: ["https://search.example.com:9200"], user: "jaeger", passwordSecret: "tracesPassword" };
const traces = { jaegerStorage: "opensearch", opensearch };

describe("Jaeger on OpenSearch", () => {
  const planned = (settings: Settings) =>
    make({ ...least, ...settings }, ["tracesPassword"]).manifests.filter(
      ({ metadata }) => metadata.labels?.["app.kubernetes.io/name"] === "jaeger",
    );

  it("has no volume, and as many replicas as are wanted", () => {
    const manifests = planned({ ...traces, sizeOverrides: { jaeger: { replicas: 3 } } });
    expect(manifests.map(({ kind }) => kind)).not.toContain("StatefulSet");
    expect(manifests.find(({ kind }) => kind === "Deployment")?.spec).toMatchObject({ replicas: 3 });
    expect(JSON.stringify(manifests)).not.toMatch(/badger|persistentVolumeClaim|volumeClaimTemplates/i);
  });

  it("logs in with a password from a file", () => {
    const text = JSON.stringify(planned(traces));
    expect(text).toContain(`password_file: ${secretsFolder}/tracesPassword`);
    expect(text).toContain("index_prefix: vitals");
  });

  it("runs once where it keeps traces itself", () => {
    const { config } = read({ sizeOverrides: { jaeger: { replicas: 2 } } }, []);
    expect(() => stackOf(config)).toThrow("jaeger runs once");
  });

  it.each([
    ["the storage without the place", { jaegerStorage: "opensearch" }, [], "vitals:jaegerStorage"],
    ["the place without the storage", { opensearch }, ["tracesPassword"], "vitals:opensearch"],
    ["no password", traces, [], "vitals:opensearch.passwordSecret"],
    [
      "a user that the collector would fill in",
      { ...traces, opensearch: { ...opensearch, user: "$HOME" } },
      ["tracesPassword"],
      "vitals:opensearch.user",
    ],
    [
      "a certificate's path",
      { ...traces, opensearch: { ...opensearch, ca: "/etc/ca.pem" } },
      ["tracesPassword"],
      "vitals:opensearch.ca",
    ],
  ] as const)("does not take %s, and tells that alone", (_, settings, secretKeys, where) => {
    expect(read(settings, secretKeys).problems.map((each) => each.where)).toEqual([where]);
  });
});

describe("a Redis elsewhere", () => {
  it("has the alerts of the stack's own, and explains failures of what needs it", () => {
    const services = [
      { name: "lab", owner: "lab", metrics: { address: "127.0.0.1:1" }, dependsOn: ["redis"] },
    ] as const;
    const filesOf = (settings: Readonly<Record<string, unknown>>, secretKeys: readonly string[]) => {
      const { specs } = stackOf(read({ ...settings, services }, secretKeys).config);
      return ["prometheus", "alertmanager"].map((name) =>
        Object.entries(specs.find((spec) => spec.name === name)?.files ?? {}).filter(
          ([path]) => !/prometheus\.yml$/.test(path),
        ),
      );
    };
    const own = filesOf({}, []);
    expect(JSON.stringify(own)).toContain("RedisDown");
    expect(filesOf({ redis }, ["cachePassword"])).toEqual(own);
  });

  it("needs a password that a person has set", () => {
    expect(read({ redis }, []).problems).toMatchObject([
      { where: "vitals:redis.passwordSecret", what: 'no secret named "cachePassword" is set' },
    ]);
    const { passwordSecret: _, ...without } = redis;
    expect(read({ redis: without }, ["cachePassword"]).problems.map(({ where }) => where)).toEqual([
      "vitals:redis.passwordSecret",
    ]);
  });

  it("leaves nothing for the size and the password of the stack's own to say", () => {
    const told = (settings: object, secretKeys: readonly string[]) =>
      read({ redis, ...settings }, ["cachePassword", ...secretKeys]).problems.map(({ where, what }) => [where, what]);
    const somebodyElse = "is set, but vitals:redis names a Redis that somebody else runs";
    expect(told({ redisMaxMemory: "1GiB" }, ["redisPassword"])).toEqual([
      ["vitals:redisMaxMemory", somebodyElse],
      ["vitals:redisPassword", somebodyElse],
    ]);
    // As Pulumi hands over what nobody has set.
    const { config } = parse(readFileSync("Pulumi.yaml", "utf8"));
    expect(told({ redisMaxMemory: config["vitals:redisMaxMemory"].default }, [])).toEqual([]);
    expect(read({ redisMaxMemory: "1GiB" }, ["redisPassword"]).problems).toEqual([]);
    // Whoever misspells the place is told that alone.
    expect(told({ redis: "cache:6379", redisMaxMemory: "1GiB" }, ["redisPassword"]).map(([where]) => where)).toEqual([
      "vitals:redis",
    ]);
  });

  it("is where the gateway counts requests, as the user that is named for it, and without one nothing is to be counted", () => {
    const front = { access: { issuer: "x", audience: "x", jwksUrl: "https://login.example.com/jwks.json" } };
    const upstreams = { "clinical-service": "https://clinical.example.com" };
    const limit = { perMinute: 60, burst: 5 };
    const cached = { ...redis, cacheUser: "gateway", cachePasswordSecret: "gatewayPassword" };
    const of = (settings: { readonly redis?: object }, limits: object = {}) =>
      read(
        { ...settings, gateway: { ...front, upstreams, ...limits } },
        Object.entries(settings.redis ?? {}).flatMap(([key, name]) => (key.endsWith("Secret") ? [name] : [])),
      );
    const rendered = (...given: Parameters<typeof of>) => {
      const { config, problems } = of(...given);
      expect(problems).toEqual([]);
      const services = platforms.process?.(config, stackOf(config)) ?? {};
      const text = services.gateway?.files["/etc/vitals/gateway.json"] ?? "{}";
      // Where the stack's own Redis is, each platform says later.
      const settings = JSON.parse(text.replace("<redis/redis 0>", "127.0.0.1:6379"));
      expect(gatewayConfig.safeParse(settings).success).toBe(true);
      return settings;
    };
    const byDefault = { perMinute: 1_200, burst: 200 };
    expect(rendered({})).toMatchObject({ redis: { user: "cache" }, limit: byDefault });
    expect(rendered({ redis: cached })).toMatchObject({ redis: { user: "gateway" }, limit: byDefault });
    expect(rendered({ redis: cached }, { limit })).toMatchObject({ redis: { user: "gateway" }, limit });
    expect(Object.keys(rendered({ redis }))).not.toContain("limit");
    expect(of({ redis }, { limit }).problems).toMatchObject([
      { where: "vitals:gateway.limit", remedy: expect.stringContaining("cacheUser") },
    ]);
  });

  it("is at host:port, not at a URL", () => {
    expect(read({ redis: { ...redis, address: "rediss://cache:6380" } }, ["cachePassword"]).problems).toMatchObject([
      { where: "vitals:redis.address" },
    ]);
  });
});
