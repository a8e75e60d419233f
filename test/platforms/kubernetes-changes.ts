// Changes of a medium environment that would lose data, and some that would not: judged as plain data and through the real engine.
import type { Settings } from "./kubernetes-stacks.ts";

export const everyClaim = [
  "vitals/data-alertmanager-0",
  "vitals/data-alertmanager-1",
  "vitals/data-alertmanager-2",
  "vitals/data-grafana-0",
  "vitals/data-integration-health-0",
  "vitals/data-prometheus-0",
  "vitals/data-prometheus-1",
  "vitals/queue-slack-relay-0",
  "vitals/traces-jaeger-0",
] as const;

/** What, the settings that differ, and each claim with what would happen to it. */
export const lossyChanges: readonly (readonly [string, Settings, readonly string[]])[] = [
  ["another namespace", { namespace: "other" }, everyClaim.map((claim) => `${claim} abandoned`)],
  ["fewer replicas", { sizeOverrides: { alertmanager: { replicas: 2 } } }, ["vitals/data-alertmanager-2 abandoned"]],
  [
    "a smaller size",
    { size: "small" },
    [
      "vitals/data-alertmanager-1 abandoned",
      "vitals/data-alertmanager-2 abandoned",
      "vitals/data-prometheus-1 abandoned",
      "vitals/traces-jaeger-0 unchanged",
    ],
  ],
  ["another storage class", { storageClass: "slow" }, everyClaim.map((claim) => `${claim} unchanged`)],
  [
    "a larger volume",
    { retentionSize: "40GiB" },
    ["vitals/data-prometheus-0 unchanged", "vitals/data-prometheus-1 unchanged"],
  ],
  ["a service that goes", { grafana: "off" }, ["vitals/data-grafana-0 abandoned"]],
];

export const harmlessChanges: readonly (readonly [string, Settings])[] = [
  ["no change", {}],
  ["a configuration", { scrapeInterval: "20s", slackChannel: "#other" }],
  ["a version", { images: { prometheus: "prom/prometheus:v9.0.0", vitals: "a/b:1" } }],
  ["shares", { sizeOverrides: { prometheus: { cpu: 3, memory: "8GiB" } } }],
  ["more replicas", { sizeOverrides: { prometheus: { replicas: 3 } } }],
  ["retention in days", { retention: "90d" }],
];

/** Changes of the code, as replacements of text in all its files, and each claim with what would happen to it. */
export const edits: readonly (readonly [
  string,
  readonly (readonly [from: string, to: string])[],
  readonly string[],
])[] = [
  [
    "a volume that is renamed",
    [
      ["volumes: { traces:", "volumes: { spans:"],
      ['dir("traces")', 'dir("spans")'],
    ],
    ["vitals/traces-jaeger-0 abandoned"],
  ],
  ["a volume that is mounted elsewhere", [['path: "/badger"', 'path: "/spans"']], ["vitals/traces-jaeger-0 abandoned"]],
  [
    "a service that is renamed",
    [
      ['name: "grafana",', 'name: "boards",'],
      ['"grafana/web"', '"boards/web"'],
    ],
    ["vitals/data-grafana-0 abandoned"],
  ],
  [
    "claims of another access mode",
    [['"ReadWriteOnce"', '"ReadWriteOncePod"']],
    everyClaim.map((claim) => `${claim} unchanged`),
  ],
  ["claims that a shrinking StatefulSet deletes", [['whenScaled: "Retain"', 'whenScaled: "Delete"']], []],
  ["another label", [['"app.kubernetes.io/part-of": "vitals"', '"app.kubernetes.io/part-of": "monitoring"']], []],
];
