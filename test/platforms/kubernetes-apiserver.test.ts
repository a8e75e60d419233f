// A real Kubernetes API server's judgement: it takes every object of every environment without a word, twice without a change.
import { execFile } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { losses } from "../../components/platforms/data-loss.ts";
import type { Manifest } from "../../components/platforms/kubernetes/manifest.ts";
import { volumesOf } from "../../components/platforms/kubernetes/volumes.ts";
import { findTool } from "../../tools/resolve.ts";
import {
  type Applied,
  type Cluster,
  clusterMissing,
  type Manifest as KubeManifest,
  objections,
  readManifests,
  startCluster,
} from "../support/cluster.ts";
import { storageClass } from "../support/cluster-fakes.ts";
import { environments, least, make, most, mostSecrets, type Settings } from "./kubernetes-stacks.ts";

const missing = clusterMissing({ kwok: true });

/**
 * What the server has against objects. Version 1.34 tells of every headless Service that its session affinity is ignored,
 * because it fills the default in before it looks; ours sets none.
 */
const against = (applied: readonly Applied[]): readonly string[] =>
  objections(applied).filter(
    (line) => !/ Service \S+-pods: Warning: spec\.SessionAffinity is ignored for headless services$/.test(line),
  );

/** The same objects in another namespace. */
function placed(manifests: readonly Manifest[], namespace: string): readonly Manifest[] {
  const own = manifests.find(({ kind }) => kind === "Namespace")?.metadata.name ?? "";
  const moved = JSON.parse(
    JSON.stringify(manifests)
      .replaceAll(`"namespace":"${own}"`, `"namespace":"${namespace}"`)
      .replaceAll(`"${own}-watching"`, `"${namespace}-watching"`),
  ) as readonly Manifest[];
  return moved.map((each) =>
    each.kind === "Namespace" ? { ...each, metadata: { ...each.metadata, name: namespace } } : each,
  );
}

const releases = readdirSync(join(import.meta.dirname, "releases")).filter((name) => name.endsWith(".yaml"));
const earlier = (release: string) =>
  readManifests(readFileSync(join(import.meta.dirname, "releases", release), "utf8")) as unknown as readonly Manifest[];
const wholeStack = () => make({ ...most, size: "large" }, mostSecrets).manifests;

describe.each(releases)("an update from %s", (release) => {
  it("loses no volume", () => {
    const before = earlier(release);
    expect(before.filter(({ kind }) => kind === "StatefulSet").length).toBeGreaterThan(4);
    expect(losses(volumesOf(before), volumesOf(wholeStack()))).toEqual([]);
  });
});

// An API server, its controllers and scheduler, on nodes that are pretended: all environments side by side.
describe.skipIf(missing !== undefined)(`a Kubernetes cluster ${missing ?? ""}`, () => {
  let cluster: Cluster;
  const given = environments.map(([name, environment], index) => {
    const namespace = `vitals-${index}`;
    return { name, namespace, manifests: placed(environment().manifests, namespace) };
  });
  const found = (name: string) => {
    const one = given.find((each) => each.name === name);
    if (one === undefined) throw new Error(`there is no environment ${name}`);
    return one;
  };
  const firstTime = new Map<string, readonly Applied[]>();
  const apply = (manifests: readonly Manifest[], options: { readonly dryRun?: boolean } = {}) =>
    cluster.apply(manifests as unknown as readonly KubeManifest[], options);

  beforeAll(async () => {
    cluster = await startCluster({ kwok: true });
    await cluster.create(storageClass("fast"));
    // Namespaces of the platform's own pods have to exist.
    const own = new Set(given.map(({ namespace }) => namespace));
    const named = new Set(
      given.flatMap(({ manifests }) => manifests.flatMap(({ metadata }) => metadata.namespace ?? [])),
    );
    for (const name of named.difference(own))
      await cluster.apply([{ apiVersion: "v1", kind: "Namespace", metadata: { name } }]);
    for (const { name, manifests } of given) firstTime.set(name, await apply(manifests));
  }, 120_000);
  afterAll(() => cluster?.stop());

  it.each(given.map(({ name }) => name))(
    "takes every object in a restricted namespace, makes every workload ready, and takes all again without a change: %s",
    async (name) => {
      const { namespace, manifests } = found(name);
      const first = firstTime.get(name) ?? [];
      expect(against(first)).toEqual([]);
      expect(new Set(first.map(({ outcome }) => outcome))).toEqual(new Set(["created"]));
      await cluster.waitReady({ namespace, withinMs: 90_000 });
      const second = await apply(manifests);
      expect(second.filter(({ outcome }) => outcome !== "unchanged").map(({ id }) => id)).toEqual([]);
    },
    120_000,
  );

  it("takes the pod of every workload as a Pod, where a violation is a refusal", async () => {
    const { namespace, manifests } = found("large, with everything");
    const pods = manifests.flatMap(({ kind, metadata, spec }): readonly Manifest[] => {
      if (kind !== "StatefulSet" && kind !== "Deployment") return [];
      const set = spec as unknown as {
        readonly template: Manifest;
        readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
      };
      const claims = (set.volumeClaimTemplates ?? []).map(({ metadata: { name } }) => ({
        name,
        persistentVolumeClaim: { claimName: `${name}-${metadata.name}-0` },
      }));
      const pod = set.template.spec as unknown as { readonly volumes: readonly object[] };
      return [
        {
          ...set.template,
          apiVersion: "v1",
          kind: "Pod",
          metadata: { ...set.template.metadata, name: `${metadata.name}-alone`, namespace },
          spec: { ...pod, volumes: [...pod.volumes, ...claims] },
        } as unknown as Manifest,
      ];
    });
    expect(pods.length).toBeGreaterThan(6);
    expect(against(await apply(pods, { dryRun: true }))).toEqual([]);
  });

  it("lets Prometheus read pods, services and endpoint slices of its own namespace, and nothing else, and nobody else anything", async () => {
    const { namespace } = found("large");
    const as = (service: string) => cluster.asUser(`system:serviceaccount:${namespace}:${service}`);
    const may = async (service: string, verb: string, resource: string, group = "", where = namespace) =>
      as(service).canI({ verb, resource, group, namespace: where });
    // A role is known to the server's authorizer a moment after it is stored.
    for (let turn = 0; turn < 50 && !(await may("prometheus", "list", "pods")); turn++)
      await new Promise((done) => setTimeout(done, 100));
    for (const verb of ["get", "list", "watch"]) {
      expect(await may("prometheus", verb, "pods")).toBe(true);
      expect(await may("prometheus", verb, "services")).toBe(true);
      expect(await may("prometheus", verb, "endpointslices", "discovery.k8s.io")).toBe(true);
      for (const resource of ["secrets", "configmaps", "nodes"])
        expect(await may("prometheus", verb, resource)).toBe(false);
      expect(await may("prometheus", verb, "pods", "", "default")).toBe(false);
      for (const service of ["redis", "jaeger", "alertmanager", "grafana", "integration-health", "db-stats"])
        expect(await may(service, verb, "pods")).toBe(false);
    }
    for (const verb of ["create", "update", "patch", "delete"])
      expect(await may("prometheus", verb, "pods")).toBe(false);
  });

  it("takes every change of size, version, configuration and ingress in place", async () => {
    const namespace = "vitals-changes";
    const steps: readonly (readonly [string, Settings, readonly string[]])[] = [
      ["first", { ...least, size: "medium" }, []],
      ["another interval", { ...least, size: "medium", scrapeInterval: "30s" }, []],
      [
        "other images",
        {
          ...least,
          size: "medium",
          images: { vitals: "registry.example.com/team/vitals:2.0.0", redis: "redis:8.0.0" },
        },
        [],
      ],
      [
        "more replicas and memory",
        { ...least, size: "medium", sizeOverrides: { prometheus: { replicas: 3, memory: "4GiB" } } },
        [],
      ],
      ["an ingress, integrations and secrets", { ...most, size: "medium", storageClass: undefined }, mostSecrets],
      ["less again", { ...least, size: "medium" }, []],
    ];
    for (const [name, settings, secrets] of steps)
      expect([name, ...against(await apply(make({ ...settings, namespace }, secrets).manifests))]).toEqual([name]);
  });

  it.each(releases)(
    "takes an update from %s in place, and every claim stays the one that it was",
    async (release) => {
      const namespace = "vitals-earlier";
      const claims = async () =>
        Object.fromEntries(
          (await cluster.list("v1/PersistentVolumeClaim", namespace)).map(({ metadata }) => [
            metadata.name,
            metadata.uid,
          ]),
        );
      expect(against(await apply(placed(earlier(release), namespace)))).toEqual([]);
      await cluster.waitReady({ namespace, withinMs: 90_000 });
      const before = await claims();
      expect(Object.keys(before).length).toBeGreaterThan(5);
      expect(against(await apply(placed(wholeStack(), namespace)))).toEqual([]);
      await cluster.waitReady({ namespace, withinMs: 90_000 });
      expect(await claims()).toMatchObject(before);
    },
    240_000,
  );

  const update = async (settings: Settings): Promise<void> => {
    expect(against(await apply(make(settings).manifests))).toEqual([]);
    await cluster.waitReady({ namespace: "vitals", withinMs: 90_000 });
  };
  const uids = async (kind: "v1/Pod" | "v1/PersistentVolumeClaim") =>
    Object.fromEntries(
      (await cluster.list(kind, "vitals")).map(({ metadata }) => [metadata.name as string, metadata.uid as string]),
    );
  const changed = (before: Record<string, string>, after: Record<string, string>) =>
    Object.keys(after).filter((name) => name in before && before[name] !== after[name]);

  it("makes every workload ready, binds every claim, and rolls only what a change concerns", async () => {
    const probed = (name: string) => ({ name, probe: "tcp", address: "10.1.2.3:2575" });
    const base = { ...least, size: "large", integrations: [probed("lab")] };
    await update(base);
    const pods = await uids("v1/Pod");
    const claims = await uids("v1/PersistentVolumeClaim");
    expect(Object.keys(pods)).toEqual(
      expect.arrayContaining(["prometheus-0", "prometheus-1", "alertmanager-2", "redis-0", "grafana-0", "jaeger-0"]),
    );
    expect(Object.keys(claims).toSorted()).toEqual([
      "data-alertmanager-0",
      "data-alertmanager-1",
      "data-alertmanager-2",
      "data-grafana-0",
      "data-integration-health-0",
      "data-prometheus-0",
      "data-prometheus-1",
      "traces-jaeger-0",
    ]);

    // A file that its reader watches: nothing rolls. A file that is read at the start: its two readers' pods, one by one.
    await update({ ...base, integrations: [probed("lab"), probed("radiology")] });
    const watched = await uids("v1/Pod");
    expect(changed(pods, watched).filter((name) => !name.startsWith("prometheus"))).toEqual([]);
    await update({ ...base, jaegerStorage: "memory" });
    const restarted = await uids("v1/Pod");
    expect(changed(watched, restarted).filter((name) => !name.startsWith("prometheus"))).toEqual(["jaeger-0"]);

    // Fewer replicas leave their claims behind; more take them up again.
    await update({ ...base, sizeOverrides: { alertmanager: { replicas: 1 } } });
    expect(await uids("v1/PersistentVolumeClaim")).toEqual(claims);
    await update(base);
    expect(await uids("v1/PersistentVolumeClaim")).toEqual(claims);
  });

  const kubectl = findTool("kubectl")?.path;
  const jq = (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, "jq")));
  const lacking = kubectl === undefined ? " (skipped: kubectl is not there)" : jq ? "" : " (skipped: jq is not there)";

  /** The steps of the documentation, line by line as they stand there; pretended pods write no logs. */
  const documented = () => {
    const text = readFileSync(join(import.meta.dirname, "../../docs/kubernetes.md"), "utf8");
    const [, section = ""] = /^### Restore\n([^#]+)/m.exec(text) ?? [];
    const steps = [...section.matchAll(/^ {4}(.*)$/gm)].map(([, line]) => line).join("\n");
    const [, writable = ""] = /has to go too: `(del\(.*\))`/.exec(section) ?? [];
    return { steps: steps.replace(" && kubectl logs job/restore", ""), writable };
  };

  it.skipIf(lacking !== "")(
    `restores by the documented steps, into the volume of the service and as its user${lacking}`,
    async () => {
      const namespace = "vitals-restore";
      const { manifests } = make({ ...least, namespace, backup: {}, webLogin: true });
      expect(against(await apply(manifests))).toEqual([]);
      await cluster.waitReady({ namespace, withinMs: 90_000 });
      const KUBECONFIG = join(cluster.folder, "restore.kubeconfig");
      copyFileSync(cluster.kubeconfig, KUBECONFIG);
      const PATH = [dirname(kubectl ?? ""), process.env.PATH].join(delimiter);
      const shell = (script: string) =>
        promisify(execFile)("sh", ["-euc", script], { env: { PATH, KUBECONFIG, HOME: cluster.folder } });
      await shell(`kubectl config set-context --current --namespace=${namespace}`);
      const { steps, writable } = documented();
      const prometheus = steps.replace(/^ *kubectl delete job restore && /m, "");
      const alertmanager = prometheus
        .replaceAll("prometheus", "alertmanager")
        .replace("'del(.spec", `'${writable} | del(.spec`);
      for (const [service, script] of [
        ["prometheus", prometheus],
        ["alertmanager", alertmanager],
      ] as const) {
        await shell(script);
        const job = await cluster.get("batch/v1/Job", "restore", namespace);
        const set = await cluster.get("apps/v1/StatefulSet", service, namespace);
        const { spec } = job.spec.template;
        const [container] = spec.containers;
        expect(container.args.slice(0, 4)).toEqual(["backup/main.ts", "restore", "--of", service]);
        expect(spec.securityContext.runAsUser).toBe(set.spec.template.spec.securityContext.runAsUser);
        expect(spec.affinity).toBeUndefined();
        const mounted = Object.fromEntries(
          container.volumeMounts.map(({ name, mountPath, readOnly }: Mount) => [mountPath, { name, readOnly }]),
        );
        const claims = Object.fromEntries(
          spec.volumes.map(({ name, persistentVolumeClaim }: Volume) => [name, persistentVolumeClaim]),
        );
        // What the program writes into is the service's own claim, and nothing keeps it from writing.
        expect(mounted["/source"].readOnly).toBeUndefined();
        expect(claims[mounted["/source"].name]).toEqual({ claimName: `data-${service}-0` });
        expect(claims[mounted["/archive"].name]).toMatchObject({ claimName: `archive-${service}-backup` });
        await shell("kubectl delete job restore");
      }
      await cluster.waitReady({ namespace, withinMs: 90_000 });
    },
    180_000,
  );
});

interface Mount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
}

interface Volume {
  readonly name: string;
  readonly persistentVolumeClaim?: object;
}
