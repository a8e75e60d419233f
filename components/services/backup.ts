// Backups, each beside the one it copies: its own job, because the volumes of two programs may lie on two machines.
import type { StackConfig } from "../config.ts";
import { dir, replicaAt, type ServiceSpec, urlOf, type Value, v } from "../spec.ts";
import { bytes } from "../units.ts";
import { loginArgs, loginOf } from "./login.ts";
import { mebibytes, sized } from "./sizes.ts";

interface Copied {
  readonly name: "prometheus" | "alertmanager" | "grafana";
  /** Whether the copy is made without writing into its volume. */
  readonly readOnly: boolean;
  /** Of one backup, at most. */
  readonly size: (config: StackConfig) => number;
  readonly args: readonly Value[];
}

const copied: readonly Copied[] = [
  {
    name: "prometheus",
    // Its snapshot lies in its own volume until it is copied.
    readOnly: false,
    size: ({ retentionSize }) => bytes(retentionSize),
    args: ["--url", urlOf("prometheus/web")],
  },
  { name: "alertmanager", readOnly: true, size: () => bytes("64MiB"), args: [] },
  { name: "grafana", readOnly: true, size: () => bytes("256MiB"), args: [] },
];

const from = "/source";

/** None without `vitals:backup`. For a platform that starts jobs by the clock. */
export const backups = (config: StackConfig): readonly ServiceSpec[] => {
  const { backup } = config;
  if (backup === undefined) return [];
  const told = [
    ...Array.from({ length: sized(config, "prometheus").replicas }, (_, ordinal) => [
      "--report",
      v`http://${replicaAt("prometheus/web", ordinal)}`,
    ]).flat(),
    ...loginArgs(loginOf(config, "prometheus")),
  ];
  return copied
    .filter(({ name }) => name !== "grafana" || config.grafana !== "off")
    .map(({ name, readOnly, size, args }): ServiceSpec => {
      const own = `${name}-backup`;
      const { resources, storage } = sized(config, own);
      return {
        name: own,
        kind: "job",
        schedule: backup.schedule,
        about: `backs up ${name}`,
        owner: "platform",
        version: "0.1.0",
        artifact: { node: "backup/main.ts" },
        args: [
          ...["take", "--of", name, "--data", from],
          "--archive",
          dir("archive"),
          ...["--keep", String(backup.keep)],
          ...args,
          ...told,
        ],
        ports: {},
        beside: { service: name, volume: "data", path: from, readOnly },
        volumes: {
          archive: {
            path: "/archive",
            // The newest is whole before the oldest goes.
            size: storage ?? mebibytes((backup.keep + 1) * size(config)),
            ...(backup.storageClass === undefined ? {} : { storageClass: backup.storageClass }),
            ...(backup.claim === undefined ? {} : { claim: backup.claim }),
          },
        },
        resources,
      };
    });
};
