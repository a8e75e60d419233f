// A configuration with a mistake of every kind: all are told in one error, and none twice.
import { describe, expect, it } from "vitest";
import { StackError } from "../../components/errors.ts";
import { planStack } from "../../components/platforms/index.ts";
import { everyMistake } from "./mistakes.ts";

const told = async (values: Readonly<Record<string, unknown>>, secretKeys: readonly string[] = []) => {
  try {
    await planStack({
      environment: "test",
      values: Object.fromEntries(
        Object.entries(values).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
      ),
      secretKeys,
    });
  } catch (error) {
    if (error instanceof StackError) return error.problems.map(({ where, what }) => `${where}: ${what}`);
    throw error;
  }
  return [];
};
const service = (more: object = {}) => ({ name: "lab", owner: "lab", metrics: { address: "127.0.0.1:1" }, ...more });

describe("a configuration with many mistakes", () => {
  it("has all of them told at once, from a misspelt setting to a port that does not exist", async () => {
    const { settings, secrets, places } = everyMistake;
    expect(await told(settings, secrets)).toEqual(places.map((place) => expect.stringMatching(place)));
  });

  it("has what a cluster cannot run told beside them", async () => {
    expect(
      await told({
        platform: "kubernetes",
        retention: "soon",
        images: { rediss: "example.com/redis:7", jaeger: "NOT AN IMAGE" },
        sizeOverrides: { redis: { replicas: 2 } },
      }),
    ).toEqual([
      expect.stringMatching(/^vitals:retention: is "soon"/),
      expect.stringMatching(/^vitals:images\.jaeger: is "NOT AN IMAGE"/),
      expect.stringMatching(/^vitals:sizeOverrides\.redis\.replicas: is 2, but redis runs once/),
      expect.stringMatching(/^vitals:registry: is missing/),
      expect.stringMatching(/^vitals:images\.rediss: is no service of this stack/),
    ]);
  });
});

describe("a malformed setting is told alone, without what only follows from it:", () => {
  it.each([
    [
      "a service that others depend on",
      { services: [service({ name: "billing", metrics: {} }), service({ dependsOn: ["billing"] })] },
      [/^vitals:services\[0\]\.metrics: is \{\}: needs an address, or a selector of pods/],
    ],
    [
      "a service with a name that cannot be, which others depend on",
      { services: [service({ name: "Billing" }), service({ dependsOn: ["Billing"] })] },
      [/^vitals:services\[0\]\.name: is "Billing"/],
    ],
    [
      "a service without a name, which may be the one that others depend on",
      {
        services: [
          { owner: "billing", metrics: { address: "127.0.0.1:1" } },
          service({ dependsOn: ["billing", "lab"] }),
        ],
      },
      [/^vitals:services\[0\]\.name: is missing/, /^vitals:services\[1\]\.dependsOn: "lab" depends on itself/],
    ],
    [
      "a list of integrations that is none, which a service depends on",
      { integrations: "stripe", services: [service({ dependsOn: ["stripe"] })] },
      [/^vitals:integrations: is "stripe"/],
    ],
    [
      "a misspelt list, which a service depends on",
      { integratons: [], services: [service({ dependsOn: ["stripe"] })] },
      [/^vitals:integratons: is not a setting that exists/],
    ],
    [
      "an objective, whose alerts are overridden",
      {
        services: [service({ slo: { availability: 99.9 } })],
        alertOverrides: { ErrorBudgetBurn: { enabled: false } },
      },
      [/^vitals:services\[0\]\.slo\.availability: is 99\.9/],
    ],
    [
      "the demo, whose services are named",
      {
        demo: "maybe",
        sizeOverrides: { "demo-slack": { cpu: 1 } },
        services: [service({ dependsOn: ["demo-slack"] })],
      },
      [/^vitals:demo: is "maybe"/],
    ],
    [
      "the platform, which decides what can run",
      {
        platform: "kubernets",
        sizeOverrides: { grafana: { cpu: 1 } },
        portOffset: 50_000,
        services: [service({ name: "supervisor" })],
      },
      [/^vitals:platform: is "kubernets"/],
    ],
    ["a registry", { platform: "kubernetes", registry: "NO REGISTRY" }, [/^vitals:registry: is "NO REGISTRY"/]],
    [
      "a way to log in",
      { remoteWrite: [{ name: "mimir", url: "https://mimir.example.com", username: "a", passwordSecret: 1 }] },
      [/^vitals:remoteWrite\[0\]\.passwordSecret: is 1/],
    ],
  ])("%s", async (_case, settings, places) => {
    expect(await told(settings)).toEqual(places.map((place) => expect.stringMatching(place)));
  });

  it("a database that would have named a secret", async () => {
    const database = {
      id: "main",
      kind: "postgres",
      address: "db:5432",
      user: "stats",
      passwordSecert: "mainPassword",
    };
    expect(await told({ databases: [database] }, ["mainPassword"])).toEqual([
      "vitals:databases[0].passwordSecert: is not a setting that exists",
    ]);
  });
});
