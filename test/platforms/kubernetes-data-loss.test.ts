// What a change would do to data, told before anything is applied.
import { describe, expect, it } from "vitest";
import { everything, losses, lossProblems } from "../../components/platforms/data-loss.ts";
import type { Manifest } from "../../components/platforms/kubernetes/manifest.ts";
import { volumesOf } from "../../components/platforms/kubernetes/volumes.ts";
import { everyClaim, harmlessChanges, lossyChanges } from "./kubernetes-changes.ts";
import { least, make, most, mostSecrets, type Settings } from "./kubernetes-stacks.ts";

const base = { ...least, size: "medium" };
const webhook = ["slackWebhookUrl"];
const before = make(base, webhook).manifests;
const changedBy = (settings: Settings, secrets: readonly string[] = webhook) =>
  make({ ...base, ...settings }, secrets).manifests;
const found = (next: readonly Manifest[], old = before) => losses(volumesOf(old), volumesOf(next));
const told = (next: readonly Manifest[], old = before) =>
  found(next, old).map(({ volume, effect }) => `${volume.replace("volume claim ", "")} ${effect}`);
const cache = { address: "redis.cache.svc:6380", passwordSecret: "cachePassword" };
const search = { urls: ["https://opensearch.search.svc:9200"], user: "jaeger", passwordSecret: "tracesPassword" };
/** The same objects after a change of their text. */
const edited = (change: (text: string) => string) => JSON.parse(change(JSON.stringify(before))) as readonly Manifest[];

describe("a change that leaves data where it is", () => {
  it.each([
    ...harmlessChanges.map(([name, settings]) => [name, changedBy(settings)] as const),
    [
      "an ingress, integrations and secrets",
      changedBy({ ...most, size: "medium", storageClass: undefined }, mostSecrets),
    ] as const,
    ["another name of the stack", make(base, webhook, "other").manifests] as const,
    ["a cache that somebody else runs", changedBy({ redis: cache }, [...webhook, "cachePassword"])] as const,
  ])("is let through: %s", (_, next) => {
    expect(told(next)).toEqual([]);
    expect(lossProblems(found(next), undefined)).toEqual([]);
  });
});

describe("a change that would lose data", () => {
  const edits: readonly (readonly [string, readonly Manifest[], readonly string[]])[] = [
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
      everyClaim.map((claim) => `${claim} unchanged`),
    ],
    [
      "traces in a store that somebody else runs",
      changedBy({ jaegerStorage: "opensearch", opensearch: search }, [...webhook, "tracesPassword"]),
      ["vitals/traces-jaeger-0 abandoned"],
    ],
    [
      "a smaller volume",
      changedBy({ sizeOverrides: { grafana: { storage: "512MiB" } } }),
      ["vitals/data-grafana-0 unchanged"],
    ],
    ["messages that no longer go to Slack", changedBy({}, []), ["vitals/queue-slack-relay-0 abandoned"]],
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
  ];

  it.each([
    ...lossyChanges.map(([name, settings, expected]) => [name, changedBy(settings), expected] as const),
    ...edits,
  ])("is refused, with every claim by name: %s", (_, next, expected) => {
    expect(told(next)).toEqual(expected);
    const problems = lossProblems(found(next), undefined);
    expect(problems.map(({ where, what }) => `${where} ${what}`)).toEqual(
      expected.map((line) => expect.stringContaining(`volume claim ${line.replace(" ", " would be ")}: `)),
    );
    for (const { remedy } of problems) expect(remedy).toMatch(/--allow-data-loss.*VITALS_ALLOW_DATA_LOSS=[0-9a-f]{8} /);
  });

  const archives = ["alertmanager", "grafana", "prometheus"].map((name) => `vitals/archive-${name}-backup`);
  it.each<[string, object | undefined, string]>([
    ["that are no longer made", undefined, "deleted"],
    ["in a claim that all share", { claim: "archive" }, "deleted"],
    ["of another class", { storageClass: "slow" }, "unchanged"],
    ["of another number", { keep: 3 }, "unchanged"],
  ])("is refused for every archive of backups %s", (_, backup, effect) => {
    const old = changedBy({ backup: {} });
    expect(told(changedBy(backup === undefined ? {} : { backup }), old)).toEqual(
      archives.map((claim) => `${claim} ${effect}`),
    );
    expect(told(changedBy({ backup: { schedule: "0 3 * * *" } }), old)).toEqual([]);
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

  it("is let through by our own commands' flag, and by the word of exactly these losses and of no others", () => {
    const [fewer, smaller] = [changedBy({ grafana: "off" }), changedBy({ size: "small" })];
    const wordOf = (next: readonly Manifest[]) =>
      /VITALS_ALLOW_DATA_LOSS=(\w+)/.exec(lossProblems(found(next), undefined)[0]?.remedy ?? "")?.[1];
    expect(lossProblems(found(smaller), everything)).toEqual([]);
    expect(lossProblems(found(smaller), wordOf(smaller))).toEqual([]);
    expect(lossProblems(found(smaller), wordOf(fewer))).toHaveLength(4);
    for (const careless of ["", "1", "true", "yes", "all"])
      expect(lossProblems(found(fewer), careless)).toHaveLength(1);
  });
});
