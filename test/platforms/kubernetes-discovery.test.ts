// A real Prometheus with its own rights on a real API server: it finds the pods that are meant, under their names.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { findTool } from "../../tools/resolve.ts";
import { type Child, startChild } from "../support/children.ts";
import { type Cluster, clusterMissing, type Manifest, startCluster } from "../support/cluster.ts";
import { freePort } from "../support/ports.ts";
import { least, make, planned, templatesOf } from "./kubernetes-stacks.ts";

const missing =
  clusterMissing() ??
  (findTool("prometheus") === undefined ? "skipped: prometheus is not there (npm run tools -- get)" : undefined);

const port = await freePort();

interface Target {
  readonly scrapePool: string;
  readonly scrapeUrl: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly health: string;
  readonly lastError: string;
}

describe.skipIf(missing !== undefined)(`Prometheus in a cluster ${missing ?? ""}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "vitals-discovery-"));
  /** What the watched pods answer: as many samples as the path says. */
  const pages = createServer(({ url: path = "" }, response) =>
    response.end(Array.from({ length: Number(path.slice(1)) }, (_, index) => `sample_${index} 1\n`).join("")),
  ).listen(port, "127.0.0.1");
  const made = make({
    ...least,
    size: "medium",
    services: [
      {
        name: "lab-gateway",
        owner: "laboratory",
        metrics: { selector: { namespace: "lab", labels: { app: "gateway" }, port, path: "/3" } },
      },
    ],
    discovery: { namespaces: ["clinic"], sampleLimit: 5 },
  });
  let cluster: Cluster;
  let prometheus: Child;
  let url = "";

  const pod = async (
    service: string,
    name: string,
    phase: string,
    changes: (labels: Record<string, string>) => Record<string, string> = (labels) => labels,
  ) => {
    const [, template] = templatesOf(made.manifests).find(([each]) => each === service) ?? [];
    const labels = changes({ ...template?.metadata.labels });
    await place({ name, namespace: "vitals", labels }, template?.spec, phase);
  };
  const place = async (metadata: Manifest["metadata"] & { namespace: string }, spec: object, phase = "Running") => {
    await cluster.apply([{ apiVersion: "v1", kind: "Pod", metadata, spec } as unknown as Manifest]);
    const found = await cluster.get("v1/Pod", metadata.name, metadata.namespace);
    await cluster.call("PUT", `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}/status`, {
      ...found,
      status: { phase, podIP: "127.0.0.1", podIPs: [{ ip: "127.0.0.1" }] },
    });
  };
  /** A pod of the platform; `says`: its annotations below `prometheus.io/`. */
  const foreign = (
    namespace: string,
    name: string,
    labels: Readonly<Record<string, string>>,
    says: Readonly<Record<string, string>> = {},
    ports: readonly object[] = [],
  ) =>
    place(
      {
        name,
        namespace,
        labels,
        annotations: Object.fromEntries(Object.entries(says).map(([key, value]) => [`prometheus.io/${key}`, value])),
      },
      {
        containers: ["app", "proxy"].map((each) => ({
          name: each,
          image: "example.com/x:1",
          ...(each === "app" ? { ports } : {}),
        })),
      },
    );
  const targets = async (): Promise<readonly Target[]> => {
    const response = await fetch(`${url}/api/v1/targets?state=active`, { signal: AbortSignal.timeout(5_000) });
    return ((await response.json()) as { data: { activeTargets: readonly Target[] } }).data.activeTargets;
  };
  const instances = async (job: string) =>
    (await targets())
      .filter(({ scrapePool }) => scrapePool === job)
      .map(({ labels }) => labels.instance)
      .toSorted();

  beforeAll(async () => {
    cluster = await startCluster();
    await cluster.apply(
      ["lab", "clinic", "elsewhere"].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    );
    await cluster.apply(made.manifests as unknown as readonly Manifest[]);
    await pod("db-stats", "db-stats-5f7c-aaaaa", "Running");
    await pod("db-stats", "db-stats-5f7c-bbbbb", "Pending");
    await pod("db-stats", "db-stats-5f7c-ended", "Failed");
    await pod("db-stats", "somebody-else", "Running", () => ({ "app.kubernetes.io/name": "db-stats" }));
    const gateway = { app: "gateway" };
    await foreign("lab", "gateway-0", gateway);
    await foreign("lab", "somebody-else", { app: "other" });
    await foreign("clinic", "gateway-1", gateway);
    const asks = { "vitals/scrape": "true" };
    const here = { port: String(port), path: "/3" };
    await foreign("clinic", "desk-0", { ...asks, app: "desk" }, here);
    await foreign("clinic", "ward-0", asks, { path: "/3" }, [
      { name: "metrics", containerPort: port },
      { containerPort: 1 },
    ]);
    await foreign("clinic", "greedy-0", asks, { ...here, path: "/6" });
    await foreign("clinic", "portless-0", asks);
    await foreign("clinic", "cunning-0", asks, { ...here, port: `${port}@203.0.113.7` });
    await foreign("clinic", "silent-0", { app: "desk" }, here);
    await foreign("clinic", "refuses-0", { "vitals/scrape": "false" }, here);
    await foreign("elsewhere", "desk-1", asks, here);
    url = `http://127.0.0.1:${await freePort()}`;
    const { status } = (await cluster.call("POST", "/api/v1/namespaces/vitals/serviceaccounts/prometheus/token", {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: 3_600 },
    })) as { status: { token: string } };
    prometheus = startChild(
      findTool("prometheus")?.path ?? "",
      [
        `--config.file=${outsideOfTheCluster(folder, cluster, status.token)}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=${url.slice("http://".length)}`,
      ],
      { env: { VITALS_REPLICA: "prometheus-0" } },
    );
  });
  afterAll(async () => {
    await prometheus?.end();
    await cluster?.stop();
    pages.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The rendered configuration, with what a pod would have from its cluster: an address, a token, a namespace. */
  function outsideOfTheCluster(at: string, { kubeconfig }: Cluster, token: string): string {
    const config = parse(readFileSync(kubeconfig, "utf8")) as { users: { user: object }[] };
    for (const user of config.users) user.user = { token };
    writeFileSync(join(at, "kubeconfig"), stringify(config), { mode: 0o600 });
    const maps = planned(made, "ConfigMap", "prometheus").map(
      ({ manifest }) => manifest.data as Record<string, string>,
    );
    const main = parse(maps.find((map) => "prometheus.yml" in map)?.["prometheus.yml"] ?? "") as {
      rule_files: unknown;
      global: Record<string, string>;
      scrape_configs: { kubernetes_sd_configs?: { namespaces: object; kubeconfig_file?: string }[] }[];
    };
    delete main.rule_files;
    Object.assign(main.global, { scrape_interval: "1s", scrape_timeout: "1s" });
    for (const { kubernetes_sd_configs = [] } of main.scrape_configs)
      for (const discovery of kubernetes_sd_configs) {
        if ("own_namespace" in discovery.namespaces) discovery.namespaces = { names: ["vitals"] };
        discovery.kubeconfig_file = join(at, "kubeconfig");
      }
    const path = join(at, "prometheus.yml");
    writeFileSync(path, stringify(main));
    return path;
  }

  it("finds the running pods of a Deployment by their names, and no others", async () => {
    await expect
      .poll(() => instances("db-stats").catch(() => []), { timeout: 20_000, interval: 200 })
      .toEqual(["db-stats-5f7c-aaaaa", "db-stats-5f7c-bbbbb"]);
    expect(await instances("integration-health")).toEqual(["integration-health-0"]);
    const [first] = (await targets()).filter(({ scrapePool }) => scrapePool === "db-stats");
    expect(first).toMatchObject({ scrapeUrl: "http://127.0.0.1:9202/metrics", labels: { job: "db-stats" } });
    expect(Object.keys(first?.labels ?? {}).toSorted()).toEqual(["instance", "job"]);
  });

  it("has every replica of a StatefulSet by its name, there or not", async () => {
    expect(await instances("prometheus")).toEqual(["prometheus-0", "prometheus-1"]);
    expect(await instances("alertmanager")).toEqual(["alertmanager-0", "alertmanager-1", "alertmanager-2"]);
    const urls = (await targets())
      .filter(({ scrapePool }) => scrapePool === "alertmanager")
      .map(({ scrapeUrl }) => scrapeUrl);
    expect(urls).toContain("http://alertmanager-2.alertmanager-pods:9093/metrics");
  });

  it("finds the pods that a service of the platform selects in its namespace alone", async () => {
    await expect.poll(() => instances("lab-gateway"), { timeout: 20_000, interval: 200 }).toEqual(["gateway-0"]);
    await expect
      .poll(async () => (await targets()).find(({ scrapePool }) => scrapePool === "lab-gateway"), {
        timeout: 20_000,
        interval: 200,
      })
      .toMatchObject({
        scrapeUrl: `http://127.0.0.1:${port}/3`,
        health: "up",
        labels: { instance: "gateway-0", job: "lab-gateway" },
      });
  });

  it("finds the pods that ask to be scraped, where they say, in the listed namespaces alone", async () => {
    const found = async () => (await targets()).filter(({ scrapePool }) => scrapePool === "pods");
    await expect
      .poll(async () => (await found()).map(({ labels, health }) => `${labels.instance} ${health}`).toSorted(), {
        timeout: 20_000,
        interval: 200,
      })
      .toEqual(["desk-0 up", "greedy-0 down", "ward-0 up"]);
    const about = async (name: string) => (await found()).find(({ labels }) => labels.instance === name);
    expect(await about("desk-0")).toMatchObject({
      scrapeUrl: `http://127.0.0.1:${port}/3`,
      labels: { instance: "desk-0", job: "pods", namespace: "clinic", service: "desk" },
    });
    expect((await about("ward-0"))?.labels).toEqual({
      instance: "ward-0",
      job: "pods",
      namespace: "clinic",
      service: "clinic",
    });
    expect((await about("greedy-0"))?.lastError).toMatch(/sample limit exceeded/);
  });

  it("may look for pods in the watched namespaces, and for nothing else there or elsewhere", async () => {
    const prometheusItself = cluster.asUser("system:serviceaccount:vitals:prometheus");
    const may = (namespace: string, resource: string, verb = "list") =>
      prometheusItself.canI({ verb, resource, group: "", namespace });
    for (const namespace of ["lab", "clinic"]) {
      expect(await may(namespace, "pods")).toBe(true);
      expect(await may(namespace, "pods", "delete")).toBe(false);
      for (const resource of ["secrets", "services", "configmaps"]) expect(await may(namespace, resource)).toBe(false);
    }
    for (const namespace of ["elsewhere", "default"]) expect(await may(namespace, "pods")).toBe(false);
  });

  it("follows a pod that comes and one that goes", async () => {
    await pod("db-stats", "db-stats-5f7c-ddddd", "Running");
    await cluster.call("DELETE", "/api/v1/namespaces/vitals/pods/db-stats-5f7c-aaaaa", { gracePeriodSeconds: 0 });
    await expect
      .poll(() => instances("db-stats"), { timeout: 30_000, interval: 200 })
      .toEqual(["db-stats-5f7c-bbbbb", "db-stats-5f7c-ddddd"]);
    expect(prometheus.output()).not.toMatch(/forbidden|Failed to watch/);
  });
});
