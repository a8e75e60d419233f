// What a change of a stack on Docker would do to its volumes, told before anything is applied.
import { describe, expect, it } from "vitest";
import { losses, lossProblems } from "../../components/platforms/data-loss.ts";
import { volumesOf } from "../../components/platforms/docker/volumes.ts";
import { makePlan } from "./docker-stacks.ts";
import type { Settings } from "./kubernetes-stacks.ts";

const base: Settings = { size: "medium" };
const before = makePlan(base);
/** The same plan after a change of its text. */
const edited = (from: string, to: string) => JSON.parse(JSON.stringify(before).replaceAll(from, to)) as typeof before;
const told = (after: typeof before) =>
  losses(volumesOf(before), volumesOf(after)).map(({ volume, effect }) => `${volume} ${effect}`);

const elsewhere = { urls: ["https://search.example.com:9200"], user: "jaeger", passwordSecret: "tracesPassword" };

describe("a change of a stack on Docker", () => {
  it.each<[string, Settings]>([
    ["no change", {}],
    ["a configuration", { scrapeInterval: "20s", slackChannel: "#other" }],
    ["a version", { images: { prometheus: "prom/prometheus:v9.0.0", vitals: "a/b:1" } }],
    ["shares and retention", { sizeOverrides: { prometheus: { cpu: 3, memory: "8GiB" } }, retentionSize: "40GiB" }],
    ["another port", { portOffset: 100 }],
    ["more replicas", { size: "large" }],
  ])("that leaves data where it is, is let through: %s", (_, settings) => {
    expect(told(makePlan({ ...base, ...settings }))).toEqual([]);
  });

  it.each<[string, typeof before, readonly string[]]>([
    ["a service that goes", makePlan({ ...base, grafana: "off" }), ["volume vitals-test-grafana-0-data abandoned"]],
    [
      "a smaller size",
      makePlan({ ...base, size: "small" }),
      ["alertmanager-1", "alertmanager-2", "prometheus-1"].map((name) => `volume vitals-test-${name}-data abandoned`),
    ],
    [
      "traces that go elsewhere",
      makePlan({ ...base, jaegerStorage: "opensearch", opensearch: elsewhere }, ["tracesPassword"]),
      ["volume vitals-test-jaeger-0-traces abandoned"],
    ],
    [
      "a volume that is renamed",
      edited("jaeger-0-traces", "jaeger-0-spans"),
      ["volume vitals-test-jaeger-0-traces abandoned"],
    ],
    [
      "a volume that is mounted elsewhere",
      edited("/badger", "/spans"),
      ["volume vitals-test-jaeger-0-traces abandoned"],
    ],
    [
      "another name on the engine",
      edited("vitals-test", "vitals-other"),
      before.volumes.map(({ name }) => `volume ${name} abandoned`).toSorted(),
    ],
  ])("that would lose data, is refused, with every volume by name: %s", (_, after, expected) => {
    expect(told(after)).toEqual(expected);
    const problems = lossProblems(losses(volumesOf(before), volumesOf(after)), undefined);
    expect(problems).toHaveLength(expected.length);
    for (const { remedy } of problems) expect(remedy).toMatch(/--allow-data-loss.*VITALS_ALLOW_DATA_LOSS=[0-9a-f]{8} /);
  });
});
