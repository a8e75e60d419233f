// What a cluster without machines pretends: nodes, pods that run at once, and volumes that hold nothing.
import { ApiError, type ClusterApi, type Manifest } from "./cluster-api.ts";

const driver = "pretended.vitals.test";

export const storageClass = (name: string, annotations: Readonly<Record<string, string>> = {}): Manifest => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name, annotations },
  provisioner: driver,
  reclaimPolicy: "Delete",
  volumeBindingMode: "Immediate",
  allowVolumeExpansion: true,
});

/** Storage as a test finds it: the class of claims that name none, and its driver, whose volumes nobody has to attach. */
export const storage: readonly Manifest[] = [
  {
    apiVersion: "storage.k8s.io/v1",
    kind: "CSIDriver",
    metadata: { name: driver },
    spec: { attachRequired: false },
  },
  storageClass("standard", { "storageclass.kubernetes.io/is-default-class": "true" }),
];

const room = { cpu: "64", memory: "256Gi", "ephemeral-storage": "1Ti", pods: "500" };

export const fakeNode = (index: number): Manifest => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: {
    name: `node-${index}`,
    labels: {
      "kubernetes.io/hostname": `node-${index}`,
      "kubernetes.io/os": "linux",
      "kubernetes.io/arch": "amd64",
      "topology.kubernetes.io/region": "test",
      "topology.kubernetes.io/zone": `zone-${index}`,
    },
  },
});

interface Choice {
  readonly key: string;
  readonly operator: "Exists" | "DoesNotExist" | "In" | "NotIn";
  readonly values?: readonly string[];
}

const stage = (kind: string, name: string, matchExpressions: readonly Choice[], next: object) => ({
  apiVersion: "kwok.x-k8s.io/v1alpha1",
  kind: "Stage",
  metadata: { name },
  spec: { resourceRef: { apiGroup: "v1", kind }, selector: { matchExpressions }, next },
});
const phase = (...values: readonly string[]): Choice => ({ key: ".status.phase", operator: "In", values });
const leaving = (operator: "Exists" | "DoesNotExist"): Choice => ({ key: ".metadata.deletionTimestamp", operator });
const notReady: Choice = {
  key: '.status.conditions.[] | select( .type == "Ready" ) | .status',
  operator: "NotIn",
  values: ["True"],
};
const ofJob: Choice = { key: ".metadata.ownerReferences.[].kind", operator: "In", values: ["Job"] };

/** One entry of a pod's container statuses for each container in a list of its spec. */
const statuses = (field: string, list: string, state: string): string => `
${field}:
{{ range .spec.${list} }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  restartCount: 0
  ${state}
{{ end }}`;
const runs = (): string => "ready: true\n  started: true\n  state: { running: { startedAt: {{ $now | Quote }} } }";
const done = (ready: boolean): string =>
  `ready: ${ready}\n  started: false\n  state: { terminated: { exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }} } }`;

/** A node is ready at once, and kwok keeps its lease; a scheduled pod runs and is ready, a pod of a job ends well, a deleted pod goes. */
export const stages: readonly object[] = [
  stage("Node", "node-runs", [notReady], {
    statusTemplate: `{{ $now := Now }}
addresses:
- { type: Hostname, address: {{ .metadata.name | Quote }} }
allocatable: ${JSON.stringify(room)}
capacity: ${JSON.stringify(room)}
conditions:
{{ range $type := list "Ready" "MemoryPressure" "DiskPressure" "PIDPressure" }}
- type: {{ $type | Quote }}
  status: {{ if eq $type "Ready" }}"True"{{ else }}"False"{{ end }}
  reason: Pretended
  message: no machine stands behind this node
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
`,
  }),
  stage("Pod", "pod-runs", [leaving("DoesNotExist"), phase("Pending")], {
    statusTemplate: `{{ $now := Now }}
phase: Running
startTime: {{ $now | Quote }}
podIP: {{ PodIPWith .spec.nodeName ( or .spec.hostNetwork false ) .metadata.uid .metadata.name .metadata.namespace | Quote }}
conditions:
{{ range $type := list "Initialized" "ContainersReady" "Ready" "PodReadyToStartContainers" }}
- { type: {{ $type | Quote }}, status: "True", lastTransitionTime: {{ $now | Quote }} }
{{ end }}
${statuses("containerStatuses", "containers", runs())}
${statuses("initContainerStatuses", "initContainers", `{{ if eq ( or .restartPolicy "" ) "Always" }}\n  ${runs()}\n  {{ else }}\n  ${done(true)}\n  {{ end }}`)}
`,
  }),
  stage("Pod", "pod-ends", [leaving("DoesNotExist"), phase("Running"), ofJob], {
    statusTemplate: `{{ $now := Now }}
phase: Succeeded
conditions:
{{ range $type := list "ContainersReady" "Ready" }}
- { type: {{ $type | Quote }}, status: "False", reason: PodCompleted, lastTransitionTime: {{ $now | Quote }} }
{{ end }}
${statuses("containerStatuses", "containers", done(false))}
`,
  }),
  stage("Pod", "pod-goes", [leaving("Exists")], { delete: true }),
];

/**
 * Provides a volume for each claim of a class that exists, and removes volumes that nobody claims any more.
 * The controllers do the binding. Ends with the function that it returns.
 */
export function bindClaims(api: ClusterApi): () => Promise<void> {
  const step = async (): Promise<void> => {
    const classes = new Set((await api.list("storage.k8s.io/v1/StorageClass")).map(({ metadata }) => metadata.name));
    for (const { metadata, spec, status } of await api.list("v1/PersistentVolumeClaim")) {
      if (status.phase !== "Pending" || spec.volumeName !== undefined || !classes.has(spec.storageClassName)) continue;
      const { name, namespace, uid } = metadata;
      const volume = {
        apiVersion: "v1",
        kind: "PersistentVolume",
        metadata: { name: `pvc-${uid}`, annotations: { "pv.kubernetes.io/provisioned-by": driver } },
        spec: {
          accessModes: spec.accessModes,
          capacity: { storage: spec.resources.requests.storage },
          claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", name, namespace, uid },
          persistentVolumeReclaimPolicy: "Delete",
          storageClassName: spec.storageClassName,
          csi: { driver, volumeHandle: uid },
        },
      };
      await ignoring(409, api.create(volume));
    }
    for (const { metadata, status } of await api.list("v1/PersistentVolume"))
      if (status.phase === "Released") await ignoring(404, api.delete("v1/PersistentVolume", metadata.name));
  };
  let stopped = false;
  const running = (async () => {
    while (!stopped) {
      // Also while the server is busy or on its way out; the next round asks again.
      await step().catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  })();
  return () => {
    stopped = true;
    return running;
  };
}

const ignoring = (status: number, promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown) => {
    if (!(error instanceof ApiError && error.status === status)) throw error;
  });
