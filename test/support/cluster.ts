// A real Kubernetes control plane for a test: etcd and the API server, and with kwok the controllers, the scheduler and pretended nodes.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { messageOf } from "../../components/errors.ts";
import { selfSigned } from "../../tools/certificate.ts";
import { findTool, resolveTool } from "../../tools/resolve.ts";
import { type Child, startChild } from "./children.ts";
import { ApiError, type ClusterApi, clusterApi, type KubeObject } from "./cluster-api.ts";
import { bindClaims, fakeNode, stages, storage } from "./cluster-fakes.ts";
import { freePort, until } from "./ports.ts";

export * from "./cluster-api.ts";

export interface ClusterOptions {
  /** Controllers, scheduler and pretended nodes too: workloads become Ready, though no image is pulled, no probe runs and no NetworkPolicy holds. */
  readonly kwok?: boolean;
  /** Pretended nodes, each in a zone of its own; default 3, so that spread and anti-affinity can be had. */
  readonly nodes?: number;
}

export interface Cluster extends ClusterApi {
  readonly version: string;
  /** For kubectl and other clients; mode 0600, gone with the cluster. */
  readonly kubeconfig: string;
  readonly pids: readonly number[];
  /** Its temporary files. */
  readonly folder: string;
  /** Waits until every workload (of the namespace) is ready and every claim is bound; the error says what is not, and the events that tell why. */
  waitReady(options?: { readonly namespace?: string; readonly withinMs?: number }): Promise<void>;
  /** Ends every process and removes every file; may be called twice. */
  stop(): Promise<void>;
}

const control = ["etcd", "kube-apiserver"] as const;
const complete = [...control, "kube-controller-manager", "kube-scheduler", "kwok"] as const;

/** Why a test that needs a cluster cannot run here; undefined when it can. */
export function clusterMissing({ kwok = false }: ClusterOptions = {}): string | undefined {
  const missing = (kwok ? complete : control).filter((name) => findTool(name) === undefined);
  return missing.length === 0
    ? undefined
    : `skipped: ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not there (npm run tools -- get --tests)`;
}

/** Ready to be used when it resolves; when it rejects, nothing of it is left. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Between asking for a free port and listening on it, somebody else may have taken it.
      if (attempt === 3 || !/address already in use/.test(String(error))) throw error;
    }
  }
}

async function startOnce({ kwok = false, nodes = 3 }: ClusterOptions): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), "vitals-cluster-"));
  const children: Child[] = [];
  const closing: (() => void | Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    // Nothing that it holds is wanted, so nobody has to leave in order.
    await Promise.all(children.map((child) => child.end("SIGKILL")));
    for (const close of closing.splice(0)) await close();
    await rm(folder, { recursive: true, force: true });
  };
  const start = (name: string, args: readonly string[]): Child => {
    const env = { PATH: "/usr/bin:/bin", HOME: folder, TMPDIR: folder };
    const child = startChild(resolveTool(name).path, args, { cwd: folder, env });
    children.push(child);
    return child;
  };
  const keep = async (name: string, content: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  };
  try {
    const [client, peer, secure] = await differentPorts();
    const etcdUrl = `http://127.0.0.1:${client}`;
    const etcd = start("etcd", etcdFlags(join(folder, "etcd"), etcdUrl, `http://127.0.0.1:${peer}`));

    const hour = 3_600_000;
    const tls = selfSigned("localhost", new Date(Date.now() - hour), new Date(Date.now() + 24 * hour));
    const token = randomBytes(24).toString("hex");
    const accounts = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const files = {
      cert: await keep("server.crt", tls.cert),
      key: await keep("server.key", tls.key),
      signing: await keep("accounts.key", accounts.privateKey.export({ type: "pkcs8", format: "pem" }).toString()),
      verifying: await keep("accounts.pub", accounts.publicKey.export({ type: "spki", format: "pem" }).toString()),
      tokens: await keep("tokens.csv", `${token},admin,admin,system:masters\n`),
    };
    const server = start("kube-apiserver", apiServerFlags(secure, etcdUrl, files));
    const kubeconfig = await keep("kubeconfig", kubeconfigOf(secure, tls.cert, token));

    const { api, close } = clusterApi({ port: secure, token, ca: tls.cert }, async (name) => {
      if (kwok) await until(() => api.get("v1/ServiceAccount", "default", name), 30_000);
      else await addDefaultAccount(api, name);
    });
    closing.push(close);
    await untilReady(api, [etcd, server]);
    const { gitVersion } = await api.call("GET", "/version");

    if (kwok) {
      const config = await keep("kwok.yaml", stages.map((stage) => stringify(stage)).join("---\n"));
      const plane = [
        start("kube-controller-manager", controllerFlags(kubeconfig, files.signing, files.cert)),
        start("kube-scheduler", [
          `--kubeconfig=${kubeconfig}`,
          "--leader-elect=false",
          "--secure-port=0",
          // It may hear of a claim's volume before its own cache knows of it; then the pod waits for so long, by default 5 minutes.
          "--pod-max-in-unschedulable-pods-duration=10s",
          ...unhurried,
        ]),
        start("kwok", kwokFlags(kubeconfig, config)),
      ];
      for (const each of storage) await api.create(each);
      for (let index = 0; index < nodes; index++) await api.create(fakeNode(index));
      closing.push(bindClaims(api));
      await untilPopulated(api, nodes, plane);
    } else await addDefaultAccount(api, "default");

    return {
      ...api,
      version: gitVersion.replace(/^v/, ""),
      kubeconfig,
      folder,
      pids: children.map(({ pid }) => pid),
      waitReady: ({ namespace, withinMs = 30_000 } = {}) => waitReady(api, namespace, withinMs),
      stop,
    };
  } catch (error) {
    const ended = children.filter((child) => !child.alive());
    const said = (ended.length > 0 ? ended : children).map((child) => child.output().slice(-1_500));
    await stop();
    throw new Error(`the cluster did not start: ${messageOf(error)}\n${said.join("\n")}`, { cause: error });
  }
}

const etcdFlags = (data: string, client: string, peer: string): readonly string[] => [
  `--data-dir=${data}`,
  `--listen-client-urls=${client}`,
  `--advertise-client-urls=${client}`,
  `--listen-peer-urls=${peer}`,
  `--initial-advertise-peer-urls=${peer}`,
  `--initial-cluster=default=${peer}`,
  // Nobody misses the data of a test after a crash of the machine.
  "--unsafe-no-fsync",
  "--log-level=warn",
];

const apiServerFlags = (
  port: number,
  etcd: string,
  files: Readonly<Record<"cert" | "key" | "signing" | "verifying" | "tokens", string>>,
): readonly string[] => [
  `--etcd-servers=${etcd}`,
  "--bind-address=127.0.0.1",
  "--advertise-address=127.0.0.1",
  `--secure-port=${port}`,
  `--tls-cert-file=${files.cert}`,
  `--tls-private-key-file=${files.key}`,
  `--service-account-signing-key-file=${files.signing}`,
  `--service-account-key-file=${files.verifying}`,
  "--service-account-issuer=https://kubernetes.default.svc",
  `--token-auth-file=${files.tokens}`,
  "--authorization-mode=RBAC",
  "--anonymous-auth=false",
  "--service-cluster-ip-range=10.96.0.0/16",
  "--endpoint-reconciler-type=none",
  // Else a privileged pod is refused before Pod Security has a say.
  "--allow-privileged=true",
];

/** As many questions a second as the server answers: on 20, which is the default, a dozen environments would wait for each other. */
const unhurried = ["--kube-api-qps=1000", "--kube-api-burst=2000"];

const controllerFlags = (kubeconfig: string, signing: string, ca: string): readonly string[] => [
  `--kubeconfig=${kubeconfig}`,
  `--service-account-private-key-file=${signing}`,
  `--root-ca-file=${ca}`,
  "--leader-elect=false",
  "--secure-port=0",
  ...unhurried,
];

const kwokFlags = (kubeconfig: string, config: string): readonly string[] => [
  `--kubeconfig=${kubeconfig}`,
  `--config=${config}`,
  "--manage-all-nodes=true",
  "--node-ip=10.245.0.1",
  // Apart from the addresses of the services.
  "--cidr=10.244.0.0/16",
  "--node-port=0",
  "--node-lease-duration-seconds=40",
];

const kubeconfigOf = (port: number, ca: string, token: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "test",
        cluster: {
          server: `https://127.0.0.1:${port}`,
          "tls-server-name": "localhost",
          "certificate-authority-data": Buffer.from(ca).toString("base64"),
        },
      },
    ],
    users: [{ name: "admin", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    "current-context": "test",
  });

async function differentPorts(): Promise<readonly [number, number, number]> {
  const ports = new Set<number>();
  while (ports.size < 3) ports.add(await freePort());
  const [a = 0, b = 0, c = 0] = ports;
  return [a, b, c];
}

async function untilReady(api: ClusterApi, needed: readonly Child[]): Promise<void> {
  await until(async () => {
    if (!needed.every((child) => child.alive())) throw new Error("a program of the control plane has ended");
    try {
      return (await api.call("GET", "/readyz")) === "ok";
    } catch (error) {
      if (error instanceof ApiError || (error instanceof Error && "code" in error)) return false;
      throw error;
    }
  }, 60_000);
}

/** Every node takes pods, and the controllers have begun: a namespace has its default account. */
async function untilPopulated(api: ClusterApi, nodes: number, plane: readonly Child[]): Promise<void> {
  await until(async () => {
    if (!plane.every((child) => child.alive())) throw new Error("a program of the control plane has ended");
    const all = await api.list("v1/Node");
    const open = all.filter(({ spec, status }) => (spec.taints ?? []).length === 0 && hasCondition(status, "Ready"));
    return open.length === nodes && (await api.get("v1/ServiceAccount", "default", "default")) !== undefined;
  }, 60_000);
}

/** Without controllers nobody else makes the account that every pod of a namespace runs as. */
async function addDefaultAccount(api: ClusterApi, namespace: string): Promise<void> {
  await api.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace } });
}

const hasCondition = (status: KubeObject, type: string): boolean =>
  (status?.conditions ?? []).some((each: KubeObject) => each.type === type && each.status === "True");

/** For each kind what an object of it still lacks; undefined when it is ready. */
const readiness: Readonly<Record<`${string}/${string}`, (object: KubeObject) => string | undefined>> = {
  "apps/v1/Deployment": ({ metadata, spec, status }) =>
    status.observedGeneration === metadata.generation &&
    (status.updatedReplicas ?? 0) === spec.replicas &&
    (status.availableReplicas ?? 0) === spec.replicas &&
    (status.replicas ?? 0) === spec.replicas
      ? undefined
      : `${status.availableReplicas ?? 0} of ${spec.replicas} available, ${status.updatedReplicas ?? 0} up to date`,
  "apps/v1/StatefulSet": ({ metadata, spec, status }) =>
    status.observedGeneration === metadata.generation &&
    (status.readyReplicas ?? 0) === spec.replicas &&
    (spec.updateStrategy?.type === "OnDelete" || status.currentRevision === status.updateRevision)
      ? undefined
      : `${status.readyReplicas ?? 0} of ${spec.replicas} ready, ${status.updatedReplicas ?? 0} up to date`,
  "apps/v1/DaemonSet": ({ metadata, status }) =>
    status.observedGeneration === metadata.generation &&
    status.updatedNumberScheduled === status.desiredNumberScheduled &&
    (status.numberAvailable ?? 0) === status.desiredNumberScheduled
      ? undefined
      : `${status.numberAvailable ?? 0} of ${status.desiredNumberScheduled} available`,
  "batch/v1/Job": ({ status }) => (hasCondition(status, "Complete") ? undefined : "not complete"),
  "v1/PersistentVolumeClaim": ({ status }) => (status.phase === "Bound" ? undefined : `is ${status.phase}`),
  "v1/Pod": ({ spec, status }) =>
    status.phase === "Succeeded" || hasCondition(status, "Ready")
      ? undefined
      : `is ${status.phase} on ${spec.nodeName ?? "no node"}`,
};

async function waitReady(api: ClusterApi, namespace: string | undefined, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs;
  for (;;) {
    const lacking: string[] = [];
    for (const [kind, lacks] of Object.entries(readiness))
      for (const object of await api.list(kind as `${string}/${string}`, namespace)) {
        const lack = lacks({ status: {}, ...object });
        if (lack !== undefined) lacking.push(`${kind} ${object.metadata.namespace}/${object.metadata.name}: ${lack}`);
      }
    if (lacking.length === 0) return;
    if (performance.now() > end) {
      const events = (await api.list("v1/Event", namespace)).filter(({ type }) => type === "Warning");
      const told = events.map(({ involvedObject: { kind, name }, message }) => `${kind} ${name}: ${message}`);
      throw new Error(`not ready within ${withinMs} ms:\n${[...lacking, "events:", ...new Set(told)].join("\n")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
