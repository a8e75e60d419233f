// What a change would do to data, told before anything is applied.
import { describe, expect, it } from "vitest";
import { losses, refuseLosses } from "../../components/platforms/kubernetes/data-loss.ts";
import type { Manifest } from "../../components/platforms/kubernetes/manifest.ts";
import { least, make, most, mostSecrets, type Settings } from "./kubernetes-stacks.ts";

const before = make({ ...least, size: "medium" }).manifests;
const changedBy = (settings: Settings, secrets: readonly string[] = []) =>
  make({ ...least, size: "medium", ...settings }, secrets).manifests;
const told = (next: readonly Manifest[], old = before) =>
  losses(old, next).map(({ claim, effect }) => `${claim} ${effect}`);
/** The same objects after a change of their text. */
const edited = (change: (text: string) => string) => JSON.parse(change(JSON.stringify(before))) as readonly Manifest[];

const every = [
  "vitals/traces-jaeger-0",
  "vitals/data-alertmanager-0",
  "vitals/data-alertmanager-1",
  "vitals/data-alertmanager-2",
  "vitals/data-grafana-0",
  "vitals/data-prometheus-0",
  "vitals/data-prometheus-1",
];

describe("a change that leaves data where it is", () => {
  it.each<[string, readonly Manifest[]]>([
    ["no change", changedBy({})],
    ["a configuration", changedBy({ scrapeInterval: "30s", slackChannel: "#other" })],
    ["a version", changedBy({ images: { prometheus: "prom/prometheus:v9.0.0", vitals: "a/b:1" } })],
    ["shares", changedBy({ sizeOverrides: { prometheus: { cpu: 3, memory: "8GiB" } } })],
    ["more replicas", changedBy({ sizeOverrides: { prometheus: { replicas: 3 } } })],
    [
      "an ingress, integrations and secrets",
      changedBy({ ...most, size: "medium", storageClass: undefined }, mostSecrets),
    ],
    ["retention in days", changedBy({ retention: "90d" })],
  ])("is let through: %s", (_, next) => {
    expect(told(next)).toEqual([]);
    expect(() => refuseLosses(losses(before, next), false)).not.toThrow();
  });
});

describe("a change that would lose data", () => {
  it.each<[string, readonly Manifest[], readonly string[]]>([
    ["another namespace", changedBy({ namespace: "other" }), every.map((claim) => `${claim} deleted`)],
    [
      "fewer replicas",
      changedBy({ sizeOverrides: { alertmanager: { replicas: 2 } } }),
      ["vitals/data-alertmanager-2 abandoned"],
    ],
    [
      "a smaller size",
      changedBy({ size: "small" }),
      [
        "vitals/traces-jaeger-0 unchanged",
        "vitals/data-alertmanager-1 abandoned",
        "vitals/data-alertmanager-2 abandoned",
        "vitals/data-prometheus-1 abandoned",
      ],
    ],
    ["another storage class", changedBy({ storageClass: "fast" }), every.map((claim) => `${claim} unchanged`)],
    [
      "a larger volume",
      changedBy({ retentionSize: "40GiB" }),
      ["vitals/data-prometheus-0 unchanged", "vitals/data-prometheus-1 unchanged"],
    ],
    ["a service that goes", changedBy({ grafana: "off" }), ["vitals/data-grafana-0 abandoned"]],
    [
      "a service that is renamed",
      edited((text) => text.replaceAll('"name":"grafana"', '"name":"boards"')),
      ["vitals/data-grafana-0 abandoned"],
    ],
    [
      "a volume that is renamed",
      edited((text) => text.replaceAll('"name":"traces"', '"name":"spans"')),
      ["vitals/traces-jaeger-0 abandoned"],
    ],
    [
      "a volume that is mounted elsewhere",
      edited((text) => text.replaceAll('"mountPath":"/badger"', '"mountPath":"/traces"')),
      ["vitals/traces-jaeger-0 abandoned"],
    ],
    [
      "an access mode",
      edited((text) => text.replaceAll("ReadWriteOnce", "ReadWriteOncePod")),
      every.map((claim) => `${claim} unchanged`),
    ],
    [
      "a StatefulSet that becomes a Deployment",
      edited((text) =>
        text.replace(
          '"kind":"StatefulSet","metadata":{"name":"jaeger"',
          '"kind":"Deployment","metadata":{"name":"jaeger"',
        ),
      ),
      ["vitals/traces-jaeger-0 abandoned"],
    ],
  ])("is refused, with every claim by name: %s", (_, next, expected) => {
    expect(told(next)).toEqual(expected);
    for (const claim of expected) expect(() => refuseLosses(losses(before, next), false)).toThrow(claim.split(" ")[0]);
    expect(() => refuseLosses(losses(before, next), true)).not.toThrow();
  });

  it("is a deletion where the old release did not keep its claims", () => {
    const careless = edited((text) =>
      text.replaceAll('"whenDeleted":"Retain","whenScaled":"Retain"', '"whenDeleted":"Delete","whenScaled":"Delete"'),
    );
    expect(told(changedBy({ grafana: "off" }), careless)).toEqual(["vitals/data-grafana-0 deleted"]);
    const claim = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "own", namespace: "vitals", labels: {} },
      spec: {},
    };
    expect(told(before, [...before, claim])).toEqual(["vitals/own deleted"]);
  });
});
