// How much each service gets in a small, medium or large environment. A platform that gives no fixed shares reads the replicas alone.

import { nearest } from "../config/nearest.ts";
import type { StackConfig } from "../config.ts";
import type { Problem } from "../errors.ts";
import type { ServiceSpec } from "../spec.ts";
import { bytes, type Size } from "../units.ts";

interface Share {
  readonly cpu: number;
  readonly memory: Size;
  /** Where its memory ends; default twice what it needs. */
  readonly maxMemory?: Size;
  readonly replicas?: number;
  /** Of its volume. */
  readonly storage?: Size;
}

type Sizes = Readonly<Record<StackConfig["size"], Share>>;

/** Those that may be more than one: their replicas know of each other, or need not. */
const replicable = ({ jaegerStorage }: Pick<StackConfig, "jaegerStorage">): readonly string[] => [
  "prometheus",
  "alertmanager",
  "viewer",
  "gateway",
  ...(jaegerStorage === "opensearch" ? ["jaeger"] : []),
];

/** What a service of ours needs that answers scrapes and little else. */
const own: Sizes = {
  small: { cpu: 0.05, memory: "128MiB" },
  medium: { cpu: 0.1, memory: "160MiB" },
  large: { cpu: 0.2, memory: "256MiB" },
};

const table: Readonly<Record<string, Sizes>> = {
  redis: {
    small: { cpu: 0.1, memory: "384MiB" },
    medium: { cpu: 0.25, memory: "1GiB" },
    large: { cpu: 1, memory: "4GiB" },
  },
  prometheus: {
    small: { cpu: 0.25, memory: "768MiB" },
    medium: { cpu: 0.5, memory: "2GiB", replicas: 2 },
    large: { cpu: 2, memory: "8GiB", replicas: 2 },
  },
  alertmanager: {
    small: { cpu: 0.05, memory: "128MiB", storage: "1GiB" },
    medium: { cpu: 0.05, memory: "128MiB", storage: "1GiB", replicas: 3 },
    large: { cpu: 0.1, memory: "256MiB", storage: "1GiB", replicas: 3 },
  },
  jaeger: {
    small: { cpu: 0.2, memory: "512MiB", storage: "10GiB" },
    medium: { cpu: 0.5, memory: "1GiB", storage: "50GiB" },
    large: { cpu: 2, memory: "4GiB", storage: "200GiB" },
  },
  gateway: {
    small: { cpu: 0.1, memory: "192MiB" },
    medium: { cpu: 0.5, memory: "256MiB", replicas: 2 },
    large: { cpu: 1, memory: "384MiB", replicas: 3 },
  },
  grafana: {
    small: { cpu: 0.1, memory: "256MiB", storage: "1GiB" },
    medium: { cpu: 0.25, memory: "384MiB", storage: "1GiB" },
    large: { cpu: 0.5, memory: "512MiB", storage: "5GiB" },
  },
};

export type Sized = Required<Pick<ServiceSpec, "replicas">> & {
  readonly resources: Required<NonNullable<ServiceSpec["resources"]>>;
  readonly storage: Size | undefined;
};

/** The share of a service, with what `vitals:sizeOverrides` says of it. */
export function sized({ size, sizeOverrides }: Pick<StackConfig, "size" | "sizeOverrides">, name: string): Sized {
  const share = (table[name] ?? own)[size];
  const over = sizeOverrides[name] ?? {};
  const memory = over.memory ?? share.memory;
  return {
    replicas: over.replicas ?? share.replicas ?? 1,
    resources: {
      cpu: over.cpu ?? share.cpu,
      memory,
      maxMemory: over.memory === undefined ? (share.maxMemory ?? twice(memory)) : twice(memory),
    },
    storage: over.storage ?? share.storage,
  };
}

/** What `vitals:sizeOverrides` says that cannot be. */
export const sizeProblems = (
  config: Pick<StackConfig, "sizeOverrides" | "jaegerStorage">,
  services: readonly Pick<ServiceSpec, "name" | "volumes">[],
): readonly Problem[] => {
  const names = services.map(({ name }) => name);
  return Object.entries(config.sizeOverrides).flatMap(([name, { replicas = 1, storage }]) => {
    const where = `vitals:sizeOverrides.${name}`;
    const service = services.find((each) => each.name === name);
    if (service === undefined)
      return [
        {
          where,
          what: "is no service of this stack",
          remedy: nearest(name, names) ?? `Use one of: ${names.join(", ")}.`,
          follows: ["vitals:platform"],
        },
      ];
    return [
      ...(replicas > 1 && !replicable(config).includes(name)
        ? [
            {
              where: `${where}.replicas`,
              what: `is ${replicas}, but ${name} runs once: its data is not shared`,
              remedy: `Leave it out; these may be more: ${replicable(config).join(", ")}.`,
            },
          ]
        : []),
      ...(storage !== undefined && !Object.values(service.volumes ?? {}).some(({ claim }) => claim === undefined)
        ? [
            {
              where: `${where}.storage`,
              what: `is ${storage}, but ${name} has no volume of its own`,
              remedy: "Leave it out.",
              follows: ["vitals:jaegerStorage", "vitals:backup"],
            },
          ]
        : []),
      ...(storage !== undefined && name === "prometheus"
        ? [
            {
              where: `${where}.storage`,
              what: "follows from what Prometheus may fill",
              remedy: "Set vitals:retentionSize; the volume is a quarter larger.",
            },
          ]
        : []),
    ];
  });
};

const twice = (memory: Size): Size => mebibytes(2 * bytes(memory));

/** A number of bytes as whole MiB, rounded up. */
export const mebibytes = (amount: number): Size => `${Math.ceil(amount / 2 ** 20)}MiB`;
