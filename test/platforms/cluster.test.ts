// The cluster of the tests answers as a real one does: what it accepts, what it warns of, what it refuses, what becomes ready.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { versions } from "../../components/versions.ts";
import { toolsDir } from "../../tools/cache.ts";
import { platformKey } from "../../tools/programs.ts";
import { findTool } from "../../tools/resolve.ts";
import {
  type Cluster,
  clusterApi,
  clusterMissing,
  type Manifest,
  objections,
  startCluster,
} from "../support/cluster.ts";
import { isRunning, listenersOf, processesOf } from "../support/processes.ts";
import { temporaryFolder } from "../tools/support.ts";

const restricted = (name: string): Manifest => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name,
    labels: {
      "pod-security.kubernetes.io/enforce": "restricted",
      "pod-security.kubernetes.io/warn": "restricted",
    },
  },
});

const good = {
  securityContext: { runAsNonRoot: true, runAsUser: 10_001, seccompProfile: { type: "RuntimeDefault" } },
  containers: [
    {
      name: "main",
      image: "example.test/app:1.0.0",
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
    },
  ],
};
const bad = { containers: [{ name: "main", image: "example.test/app:1.0.0", securityContext: { privileged: true } }] };

const labels = (name: string) => ({ "app.kubernetes.io/name": name });
const pod = (name: string, spec: object): Manifest => ({ apiVersion: "v1", kind: "Pod", metadata: { name }, spec });
const deployment = (name: string, spec: object, replicas = 1): Manifest => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: labels(name) },
    template: { metadata: { labels: labels(name) }, spec },
  },
});
const settings = (level: string): Manifest => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings" },
  data: { level },
});

const missing = clusterMissing();
describe.skipIf(missing !== undefined)(`a cluster of an API server alone ${missing ?? ""}`, () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
    expect(objections(await cluster.apply([restricted("vitals")]))).toEqual([]);
  });
  afterAll(() => cluster?.stop());

  it("is the version that was asked for, listens on the loopback address only, and needs a token", async () => {
    expect(cluster.version).toBe(findTool("kube-apiserver")?.version);
    const addresses = cluster.pids.flatMap((pid) => listenersOf(pid).map(({ address }) => address));
    expect(addresses.length).toBeGreaterThanOrEqual(3);
    expect(new Set(addresses)).toEqual(new Set(["127.0.0.1"]));
    expect(statSync(cluster.kubeconfig).mode & 0o777).toBe(0o600);

    const [{ cluster: at }] = JSON.parse(readFileSync(cluster.kubeconfig, "utf8")).clusters;
    const ca = Buffer.from(at["certificate-authority-data"], "base64").toString();
    const stranger = clusterApi({ port: Number(new URL(at.server).port), token: "wrong", ca });
    onTestFinished(stranger.close);
    await expect(stranger.api.get("v1/Namespace", "vitals")).rejects.toMatchObject({ status: 401 });
  });

  it("refuses a Pod that breaks the restricted standard, and takes one that keeps it", async () => {
    const [refused, taken] = await cluster.apply([pod("bad", bad), pod("good", good)], { namespace: "vitals" });
    expect(refused).toMatchObject({ id: "v1 Pod vitals/bad", outcome: "refused", status: 403 });
    expect(refused?.message).toContain('violates PodSecurity "restricted:latest": privileged');
    expect(taken).toMatchObject({ outcome: "created", status: 201, warnings: [] });
    expect(await cluster.get("v1/Pod", "bad", "vitals")).toBeUndefined();
  });

  it("warns of a Deployment whose template breaks it, and says nothing of one that keeps it", async () => {
    const applied = await cluster.apply([deployment("bad", bad), deployment("good", good)], { namespace: "vitals" });
    expect(applied.map(({ outcome }) => outcome)).toEqual(["created", "created"]);
    expect(applied[0]?.warnings[0]).toContain('would violate PodSecurity "restricted:latest": privileged');
    expect(applied[1]?.warnings).toEqual([]);
    expect(objections(applied)).toHaveLength(1);
  });

  it("refuses an unknown field and an unknown kind by name", async () => {
    const applied = await cluster.apply(
      [
        deployment("typo", { ...good, restartPolice: "Always" }),
        { apiVersion: "apps/v1", kind: "Deploiment", metadata: { name: "typo" } },
      ],
      { namespace: "vitals" },
    );
    expect(applied.map(({ outcome }) => outcome)).toEqual(["refused", "refused"]);
    expect(objections(await cluster.apply([settings("info")]))).toEqual([
      "v1 ConfigMap settings: names no namespace, and none was given",
    ]);
    expect(applied[0]?.message).toContain("restartPolice");
    expect(applied[1]?.message).toContain("Deploiment");
  });

  it("leaves what is applied twice as it was, and counts a change", async () => {
    const namespace = "vitals";
    const manifests = [settings("info"), deployment("twice", good)];
    const first = await cluster.apply(manifests, { namespace });
    const second = await cluster.apply(manifests, { namespace });
    expect(first.map(({ outcome }) => outcome)).toEqual(["created", "created"]);
    expect(second.map(({ outcome }) => outcome)).toEqual(["unchanged", "unchanged"]);
    expect(second.map((each) => each.resourceVersion)).toEqual(first.map((each) => each.resourceVersion));
    const [third] = await cluster.apply([deployment("twice", good, 2)], { namespace });
    expect(third).toMatchObject({ outcome: "changed", generation: (second[1]?.generation ?? 0) + 1 });
    const [dry] = await cluster.apply([deployment("twice", good, 3)], { namespace, dryRun: true });
    expect(dry).toMatchObject({ outcome: "changed" });
    expect((await cluster.get("apps/v1/Deployment", "twice", namespace)).spec.replicas).toBe(2);
  });

  it("lets a second manager change another's field only by force", async () => {
    const namespace = "vitals";
    await cluster.apply([settings("info")], { namespace });
    const other = { namespace, manager: "somebody" };
    const [conflict] = await cluster.apply([settings("debug")], other);
    expect(conflict).toMatchObject({ outcome: "refused", status: 409 });
    expect(conflict?.message).toMatch(/conflict with "vitals".*\.data\.level/s);
    const [forced] = await cluster.apply([settings("debug")], { ...other, force: true });
    expect(forced).toMatchObject({ outcome: "changed", object: { data: { level: "debug" } } });
  });

  it("refuses to change a field that is fixed at creation", async () => {
    const set = (size: string): Manifest => ({
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: "fixed" },
      spec: {
        serviceName: "fixed",
        selector: { matchLabels: labels("fixed") },
        template: { metadata: { labels: labels("fixed") }, spec: good },
        volumeClaimTemplates: [claim(size)],
      },
    });
    const [created] = await cluster.apply([set("1Gi")], { namespace: "vitals" });
    const [grown] = await cluster.apply([set("2Gi")], { namespace: "vitals" });
    expect(created?.outcome).toBe("created");
    expect(grown).toMatchObject({ outcome: "refused", status: 422 });
    expect(grown?.message).toContain("Forbidden: updates to statefulset spec");
  });

  it("answers for somebody else what roles allow", async () => {
    const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] }];
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" };
    const subjects = [{ kind: "ServiceAccount", name: "reader", namespace: "vitals" }];
    const applied = await cluster.apply(
      `
apiVersion: v1
kind: ServiceAccount
metadata: { name: reader }
---
${JSON.stringify({ apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: { name: "reader" }, rules })}
---
${JSON.stringify({ apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding", metadata: { name: "reader" }, roleRef, subjects })}
`,
      { namespace: "vitals" },
    );
    expect(applied.map(({ outcome }) => outcome)).toEqual(["created", "created", "created"]);
    const reader = cluster.asUser("system:serviceaccount:vitals:reader");
    const namespace = "vitals";
    await expect.poll(() => reader.canI({ verb: "list", resource: "pods", namespace })).toBe(true);
    expect(await reader.canI({ verb: "list", resource: "pods" })).toBe(false);
    expect(await reader.canI({ verb: "get", resource: "secrets", namespace })).toBe(false);
    expect(await reader.canI({ verb: "get", path: "/metrics" })).toBe(false);
    expect(await cluster.canI({ verb: "get", path: "/metrics" })).toBe(true);
    expect(Array.isArray(await reader.list("v1/Pod", "vitals"))).toBe(true);
    await expect(reader.list("v1/Secret", "vitals")).rejects.toMatchObject({ status: 403, reason: "Forbidden" });
    const [refused] = await reader.apply([settings("trace")], { namespace });
    expect(refused).toMatchObject({ outcome: "refused", status: 403 });
    expect(await cluster.asUser("jane", ["system:masters"]).canI({ verb: "*", resource: "*", group: "*" })).toBe(true);
  });

  it("serves kubectl by its kubeconfig", (context) => {
    const kubectl = findTool("kubectl");
    if (kubectl === undefined) return context.skip("skipped: kubectl is not there (npm run tools -- get --tests)");
    const args = ["--kubeconfig", cluster.kubeconfig, "get", "namespace", "vitals", "-o", "name"];
    expect(execFileSync(kubectl.path, args, { encoding: "utf8" })).toBe("namespace/vitals\n");
  });

  it("deletes", async () => {
    const apply = () => cluster.apply([settings("info")], { namespace: "vitals", force: true });
    await apply();
    await cluster.delete("v1/ConfigMap", "settings", "vitals", { wait: true });
    expect(await cluster.get("v1/ConfigMap", "settings", "vitals")).toBeUndefined();
    await expect(cluster.delete("v1/ConfigMap", "settings", "vitals")).rejects.toMatchObject({ status: 404 });
    expect((await apply())[0]?.outcome).toBe("created");
  });
});

const claim = (storage: string): object => ({
  metadata: { name: "data" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage } } },
});

const incomplete = clusterMissing({ kwok: true });
describe.skipIf(incomplete !== undefined)(`a cluster with pretended nodes ${incomplete ?? ""}`, () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ kwok: true });
    expect(objections(await cluster.apply([restricted("vitals")]))).toEqual([]);
  });
  afterAll(() => cluster?.stop());

  it("makes a Deployment, a StatefulSet with claims and a Job ready, and binds the claims", async () => {
    const name = "store";
    const spread = {
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: "topology.kubernetes.io/zone",
          whenUnsatisfiable: "DoNotSchedule",
          labelSelector: { matchLabels: labels(name) },
        },
      ],
    };
    const withInit = { ...good, initContainers: good.containers.map((each) => ({ ...each, name: "before" })) };
    const applied = await cluster.apply(
      [
        deployment("front", withInit, 2),
        { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { clusterIP: "None", selector: labels(name) } },
        {
          apiVersion: "apps/v1",
          kind: "StatefulSet",
          metadata: { name },
          spec: {
            serviceName: name,
            replicas: 3,
            selector: { matchLabels: labels(name) },
            template: { metadata: { labels: labels(name) }, spec: { ...good, ...spread } },
            volumeClaimTemplates: [claim("1Gi")],
          },
        },
        {
          apiVersion: "batch/v1",
          kind: "Job",
          metadata: { name: "seed" },
          spec: { template: { spec: { ...good, restartPolicy: "Never" } } },
        },
      ],
      { namespace: "vitals" },
    );
    expect(objections(applied)).toEqual([]);
    await cluster.waitReady({ namespace: "vitals" });

    const claims = await cluster.list("v1/PersistentVolumeClaim", "vitals");
    expect(claims.map(({ metadata, status }) => [metadata.name, status.phase]).sort()).toEqual([
      ["data-store-0", "Bound"],
      ["data-store-1", "Bound"],
      ["data-store-2", "Bound"],
    ]);
    const pods = await cluster.list("v1/Pod", "vitals", "app.kubernetes.io/name=store");
    expect(new Set(pods.map(({ spec }) => spec.nodeName)).size).toBe(3);
    expect(new Set(pods.map(({ status }) => status.podIP)).size).toBe(3);
    const [slice] = await cluster.list("discovery.k8s.io/v1/EndpointSlice", "vitals");
    expect(slice.endpoints).toHaveLength(3);
  });

  it("rolls a change of a template, and is ready again", async () => {
    const namespace = "vitals";
    await cluster.apply([deployment("rolled", good, 2)], { namespace });
    await cluster.waitReady({ namespace });
    const changed = {
      ...good,
      containers: good.containers.map((each) => ({ ...each, image: "example.test/app:1.0.1" })),
    };
    const [applied] = await cluster.apply([deployment("rolled", changed, 2)], { namespace });
    expect(applied).toMatchObject({ outcome: "changed", generation: 2 });
    await cluster.waitReady({ namespace });
    const pods = await cluster.list("v1/Pod", namespace, "app.kubernetes.io/name=rolled");
    const live = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    expect(live.map(({ spec }) => spec.containers[0].image)).toEqual([
      "example.test/app:1.0.1",
      "example.test/app:1.0.1",
    ]);
  });

  it("says what does not become ready, and why", async () => {
    await cluster.apply([restricted("other")]);
    await cluster.apply([deployment("bad", bad)], { namespace: "other" });
    const lost = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "lost" },
      spec: {
        storageClassName: "nowhere",
        accessModes: ["ReadWriteOnce"],
        resources: { requests: { storage: "1Gi" } },
      },
    };
    await cluster.apply([lost], { namespace: "other" });
    const error = await cluster.waitReady({ namespace: "other", withinMs: 2_000 }).then(
      () => undefined,
      (reason: Error) => reason.message,
    );
    expect(error).toContain("apps/v1/Deployment other/bad: 0 of 1 available");
    expect(error).toContain('violates PodSecurity "restricted:latest"');
    expect(error).toContain("v1/PersistentVolumeClaim other/lost: is Pending");
  });

  it("deletes a namespace with all that is in it, and the volumes of its claims", async () => {
    await cluster.apply([{ apiVersion: "v1", kind: "Namespace", metadata: { name: "brief" } }]);
    const held = { apiVersion: "v1", kind: "PersistentVolumeClaim", ...claim("1Gi") } as Manifest;
    // The namespace waits for half of what its pods may take to end.
    const quick = { ...good, terminationGracePeriodSeconds: 1 };
    await cluster.apply([deployment("front", quick), held], { namespace: "brief" });
    await cluster.waitReady({ namespace: "brief" });
    const [{ spec }] = await cluster.list("v1/PersistentVolumeClaim", "brief");
    await cluster.delete("v1/Namespace", "brief", undefined, { wait: true });
    expect(await cluster.list("v1/Pod", "brief")).toEqual([]);
    await expect.poll(() => cluster.get("v1/PersistentVolume", spec.volumeName), { timeout: 20_000 }).toBeUndefined();
  });
});

describe.skipIf(incomplete !== undefined)(`the end of a cluster ${incomplete ?? ""}`, () => {
  afterEach(() => vi.unstubAllEnvs());

  it("leaves no process and no file, and may come twice", async () => {
    const cluster = await startCluster({ kwok: true, nodes: 1 });
    expect(cluster.pids).toHaveLength(5);
    expect(cluster.pids.every(isRunning)).toBe(true);
    await cluster.stop();
    await cluster.stop();
    expect(cluster.pids.filter(isRunning)).toEqual([]);
    expect(processesOf([cluster.folder])).toEqual([]);
    expect(existsSync(cluster.folder)).toBe(false);
  });

  it("that fails half-way says what the program said, and leaves nothing", async () => {
    const [tools, temporary] = [temporaryFolder(), temporaryFolder()];
    symlinkSync(join(toolsDir(), "etcd"), join(tools, "etcd"));
    const { version } = versions.kubernetes;
    const names = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];
    const bin = join(tools, "kubernetes", version, "bin");
    mkdirSync(bin, { recursive: true });
    for (const name of names)
      writeFileSync(join(bin, name), "#!/bin/sh\necho it is broken here\nexit 1\n", { mode: 0o755 });
    const binaries = Object.fromEntries(names.map((name) => [name, join("bin", name)]));
    const manifest = { program: "kubernetes", version, source: "go", platform: platformKey(), binaries };
    writeFileSync(join(bin, "../manifest.json"), JSON.stringify(manifest));
    vi.stubEnv("VITALS_TOOLS_DIR", tools);
    vi.stubEnv("TMPDIR", temporary);
    await expect(startCluster()).rejects.toThrow(/the cluster did not start: .*ended\nit is broken here/s);
    expect(processesOf([temporary])).toEqual([]);
    expect(readdirSync(temporary)).toEqual([]);
  });
});
