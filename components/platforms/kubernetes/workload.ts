// A service as a StatefulSet, a Deployment or a Job, within Pod Security `restricted`.
import type { StackConfig } from "../../config.ts";
import {
  type BesideSpec,
  type Check,
  refsIn,
  type ServiceSpec,
  type Tree,
  type Value,
  type VolumeSpec,
} from "../../spec.ts";
import { bytes } from "../../units.ts";
import { ownUser } from "../images.ts";
import { nodeCommand } from "../node.ts";
import { type AddressBook, pgIsReady, type Replica, resolveText } from "../platform.ts";
import { selfMark, workloadOf } from "./book.ts";
import { hashOf, type Mounted } from "./files.ts";
import { headlessName, labelsOf, type Planned, selectorOf } from "./manifest.ts";

export interface WorkloadInput {
  readonly spec: ServiceSpec;
  readonly replica: Replica;
  readonly book: AddressBook;
  readonly config: StackConfig;
  readonly image: string;
  readonly files: Mounted;
  /** It asks the cluster's API, so its pods get a token. */
  readonly token: boolean;
  readonly priorityClass: string;
}

const scratchSize = "256Mi";
const hostKey = "kubernetes.io/hostname";

export function workload(input: WorkloadInput): Planned {
  const { spec, config, files } = input;
  const kind = workloadOf(spec);
  const labels = labelsOf(spec.name, spec.version);
  const template = podTemplate(input);
  const metadata = { namespace: config.namespace, labels };
  const selector = { matchLabels: selectorOf(spec.name) };
  const common = { part: spec.name, token: spec.name, restartsFor: files.restartsFor };
  if (kind === "Job")
    // A Job cannot change: a new template is a new one.
    return {
      ...common,
      manifest: {
        apiVersion: "batch/v1",
        kind,
        metadata: { name: `${spec.name}-${hashOf(template)}`, ...metadata },
        spec: { backoffLimit: 20, activeDeadlineSeconds: 3_600, template },
      },
    };
  if (kind === "CronJob")
    return {
      part: spec.name,
      token: spec.name,
      manifest: {
        apiVersion: "batch/v1",
        kind,
        metadata: { name: spec.name, ...metadata },
        spec: {
          schedule: spec.schedule ?? "",
          timeZone: "Etc/UTC",
          concurrencyPolicy: "Forbid",
          // After a pause of the cluster's own a run that is late is better than none.
          startingDeadlineSeconds: 3_600,
          successfulJobsHistoryLimit: 1,
          failedJobsHistoryLimit: 3,
          jobTemplate: { metadata: { labels }, spec: { backoffLimit: 3, activeDeadlineSeconds: 21_600, template } },
        },
      },
    };
  const replicas = spec.replicas ?? 1;
  return {
    ...common,
    manifest: {
      apiVersion: "apps/v1",
      kind,
      metadata: { name: spec.name, ...metadata },
      spec: {
        replicas,
        selector,
        revisionHistoryLimit: 5,
        ...(kind === "StatefulSet"
          ? {
              serviceName: headlessName(spec.name),
              podManagementPolicy: "Parallel",
              updateStrategy: { type: "RollingUpdate" },
              persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
            }
          : {
              progressDeadlineSeconds: 600,
              strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
            }),
        template,
        ...(spec.volumes === undefined ? {} : { volumeClaimTemplates: claims(spec, config) }),
      },
    },
  };
}

/** Labels here are part of what cannot change, so there is no version among them. */
const claims = (spec: ServiceSpec, config: StackConfig): readonly Tree[] =>
  Object.entries(spec.volumes ?? {}).map(([name, volume]) => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, labels: selectorOf(spec.name) },
    spec: claim(volume, config),
  }));

const claim = ({ size, storageClass }: VolumeSpec, config: StackConfig): Tree => {
  const storageClassName = storageClass ?? config.storageClass;
  return {
    accessModes: ["ReadWriteOnce"],
    ...(storageClassName === undefined ? {} : { storageClassName }),
    resources: { requests: { storage: quantity(size) } },
  };
};

const claimName = (spec: ServiceSpec, name: string): string => spec.volumes?.[name]?.claim ?? `${name}-${spec.name}`;

/** The claims of a job: its runs share them. */
export const claimsOf = (spec: ServiceSpec, config: StackConfig): readonly Planned[] =>
  Object.entries(spec.kind === "job" ? (spec.volumes ?? {}) : {})
    .filter(([, volume]) => volume.claim === undefined)
    .map(([name, volume]) => ({
      part: spec.name,
      token: claimName(spec, name),
      manifest: {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { name: claimName(spec, name), namespace: config.namespace, labels: selectorOf(spec.name) },
        spec: claim(volume, config),
      },
    }));

function podTemplate(input: WorkloadInput): Tree {
  const { spec, config, files, token, priorityClass } = input;
  const { uid, gid } = spec.user ?? ownUser;
  const job = spec.kind === "job";
  const scratch = [...new Set(["/tmp", ...(spec.scratch ?? [])])];
  return {
    metadata: {
      labels: labelsOf(spec.name, spec.version),
      annotations: { "kubectl.kubernetes.io/default-container": spec.name },
    },
    spec: {
      serviceAccountName: spec.name,
      automountServiceAccountToken: token,
      enableServiceLinks: false,
      priorityClassName: priorityClass,
      terminationGracePeriodSeconds: spec.stop?.graceSeconds ?? 30,
      ...(job ? { restartPolicy: "OnFailure" } : {}),
      ...(config.imagePullSecret === undefined ? {} : { imagePullSecrets: [{ name: config.imagePullSecret }] }),
      securityContext: {
        runAsNonRoot: true,
        runAsUser: uid,
        runAsGroup: gid,
        fsGroup: gid,
        fsGroupChangePolicy: "OnRootMismatch",
        seccompProfile: { type: "RuntimeDefault" },
      },
      ...(job ? {} : { topologySpreadConstraints: [hostKey, "topology.kubernetes.io/zone"].map(spread(spec)) }),
      ...((spec.replicas ?? 1) > 1 ? { affinity: apart(spec) } : {}),
      ...(spec.beside === undefined ? {} : { affinity: together(spec.beside) }),
      containers: [container(input, scratch)],
      volumes: [
        ...files.volumes,
        ...(job ? Object.keys(spec.volumes ?? {}) : []).map((name) => ({
          name,
          persistentVolumeClaim: { claimName: claimName(spec, name) },
        })),
        ...(spec.beside === undefined ? [] : [volumeOf(spec.beside)]),
        ...scratch.map((_, index) => ({ name: `scratch-${index}`, emptyDir: { sizeLimit: scratchSize } })),
      ],
    },
  };
}

/** Spreading is a matter of numbers; this also holds between a pod that leaves and the one that takes its place. */
const apart = (spec: ServiceSpec): Tree => ({
  podAntiAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: [
      {
        weight: 100,
        podAffinityTerm: { topologyKey: hostKey, labelSelector: { matchLabels: selectorOf(spec.name) } },
      },
    ],
  },
});

/** A volume that one node at a time may have is where the pod that has it is. */
const together = ({ service }: BesideSpec): Tree => ({
  podAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      {
        topologyKey: hostKey,
        labelSelector: {
          matchLabels: { ...selectorOf(service), "statefulset.kubernetes.io/pod-name": `${service}-0` },
        },
      },
    ],
  },
});

const volumeOf = ({ service, volume, readOnly }: BesideSpec): Tree => ({
  name: `${volume}-${service}`,
  persistentVolumeClaim: { claimName: `${volume}-${service}-0`, ...(readOnly ? { readOnly } : {}) },
});

const spread =
  (spec: ServiceSpec) =>
  (topologyKey: string): Tree => ({
    maxSkew: 1,
    topologyKey,
    // A cluster with one node is no reason to run nothing.
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: selectorOf(spec.name) },
  });

function container(input: WorkloadInput, scratch: readonly string[]): Tree {
  const { spec, image, files, replica, book } = input;
  const { entry } = spec.artifact;
  const text = (value: Value) => podText(resolveText(value, replica, book));
  const args = [...nodeCommand(spec.artifact), ...(spec.args ?? []).map(text)];
  return {
    name: spec.name,
    image,
    imagePullPolicy: "IfNotPresent",
    ...(entry === undefined ? {} : { command: [...entry] }),
    ...(args.length === 0 ? {} : { args }),
    ...environment(spec, text),
    ...(Object.keys(spec.ports).length === 0
      ? {}
      : {
          ports: Object.entries(spec.ports).map(([name, { number, protocol }]) => ({
            name,
            containerPort: number,
            protocol: (protocol ?? "tcp").toUpperCase(),
          })),
        }),
    ...probes(input),
    resources: resources(spec),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: [
      ...files.mounts,
      ...Object.entries(spec.volumes ?? {}).map(([name, { path, claim: shared }]) => ({
        name,
        mountPath: path,
        ...(shared === undefined ? {} : { subPath: spec.name }),
      })),
      ...mountsBeside(spec),
      ...scratch.map((path, index) => ({ name: `scratch-${index}`, mountPath: path })),
    ],
  };
}

const mountsBeside = ({ beside }: ServiceSpec): readonly Tree[] =>
  beside === undefined
    ? []
    : [
        {
          name: `${beside.volume}-${beside.service}`,
          mountPath: beside.path,
          ...(beside.readOnly ? { readOnly: true } : {}),
        },
      ];

/** Kubernetes replaces `$(NAME)` in arguments and variables: ours are meant, all others are text. */
const podText = (text: string): string =>
  text.replaceAll("$(", "$$$$(").replaceAll(selfMark.name, "$(POD_NAME)").replaceAll(selfMark.ip, "$(POD_IP)");

function environment(spec: ServiceSpec, text: (value: Value) => string): { readonly [key: string]: Tree } {
  const own = Object.entries(spec.env ?? {}).map(([name, value]) => ({ name, value: text(value) }));
  const selves = new Set(
    [...(spec.args ?? []), ...Object.values(spec.env ?? {})].flatMap((value) =>
      [...refsIn(value)].flatMap((ref) => (ref.$ === "self" ? [ref.as] : [])),
    ),
  );
  const field = (name: string, fieldPath: string): Tree => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  const env: readonly Tree[] = [
    ...(selves.has("name") ? [field("POD_NAME", "metadata.name")] : []),
    ...(selves.has("ip") ? [field("POD_IP", "status.podIP")] : []),
    ...own,
  ];
  return env.length === 0 ? {} : { env };
}

/** A quarter of an hour until it first answers, as after a crash with much to replay; then half a minute of silence ends it. */
function probes(input: WorkloadInput): { readonly [key: string]: Tree } {
  const { ready, alive } = input.spec;
  const first = alive ?? ready;
  return {
    ...(first === undefined
      ? {}
      : { startupProbe: { ...probe(first, input), periodSeconds: 5, failureThreshold: 180 } }),
    ...(ready === undefined
      ? {}
      : { readinessProbe: { ...probe(ready, input), periodSeconds: 5, failureThreshold: 3 } }),
    ...(alive === undefined
      ? {}
      : { livenessProbe: { ...probe(alive, input), periodSeconds: 10, failureThreshold: 3 } }),
  };
}

function probe(check: Check, { replica, book }: WorkloadInput): { readonly [key: string]: Tree } {
  // A command runs in the container: what listens everywhere is there on loopback too.
  const inside: AddressBook = {
    ...book,
    listen: (each, port) => ({ host: "127.0.0.1", port: book.listen(each, port).port }),
  };
  const timeoutSeconds = 5;
  if ("exec" in check)
    return { exec: { command: check.exec.map((value) => resolveText(value, replica, inside)) }, timeoutSeconds };
  if ("postgres" in check)
    return { exec: { command: pgIsReady(book.listen(replica, check.postgres).port) }, timeoutSeconds };
  return "http" in check
    ? { httpGet: { path: check.path, port: check.http }, timeoutSeconds }
    : { tcpSocket: { port: check.tcp }, timeoutSeconds };
}

function resources(spec: ServiceSpec): Tree {
  const { cpu, memory, maxMemory } = spec.resources ?? { cpu: 0.1, memory: "128MiB" };
  return {
    requests: { cpu: cores(cpu), memory: quantity(memory), "ephemeral-storage": "64Mi" },
    limits: {
      cpu: cores(Math.max(4 * cpu, 0.5)),
      memory: quantity(maxMemory ?? `${2 * bytes(memory)}B`),
      "ephemeral-storage": "1Gi",
    },
  };
}

const cores = (cpu: number): string => (Number.isInteger(cpu) ? String(cpu) : `${Math.round(cpu * 1_000)}m`);
/** A size as Kubernetes itself would write it: in the largest unit that divides it. */
function quantity(size: string): string {
  const amount = bytes(size);
  const units: readonly (readonly [string, number])[] = [
    ["Ti", 40],
    ["Gi", 30],
    ["Mi", 20],
    ["Ki", 10],
  ];
  const [unit, power] = units.find(([, exponent]) => amount % 2 ** exponent === 0) ?? ["", 0];
  return `${amount / 2 ** power}${unit}`;
}
