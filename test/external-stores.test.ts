// Stores that somebody else runs: what the stack leaves out then, who reads them, and what has to be set.
import { describe, expect, it } from "vitest";
import { readConfig, type StackConfig } from "../components/config.ts";
import { planners } from "../components/platforms/index.ts";
import { describe as describeStack } from "../components/stack.ts";
import { platforms } from "./platforms/conformance.ts";

const read = (settings: Readonly<Record<string, unknown>>, secretKeys: readonly string[]) =>
  readConfig({
    environment: "test",
    values: {
      registry: "registry.example.com/team",
      ...Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, JSON.stringify(value)])),
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
        address: "<redis/redis 0>",
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

  it("is at host:port, not at a URL", () => {
    expect(read({ redis: { ...redis, address: "rediss://cache:6380" } }, ["cachePassword"]).problems).toMatchObject([
      { where: "vitals:redis.address" },
    ]);
  });
});
