// A real Prometheus with its own rights on a real API server: it finds the pods that are meant, under their names.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

interface Target {
  readonly scrapePool: string;
  readonly scrapeUrl: string;
  readonly labels: Readonly<Record<string, string>>;
}

describe.skipIf(missing !== undefined)(`Prometheus in a cluster ${missing ?? ""}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "vitals-discovery-"));
  const made = make({ ...least, size: "medium" });
  let cluster: Cluster;
  let prometheus: Child;
  let url = "";

  const pod = async (
    service: string,
    name: string,
    phase: string,
    changes: (labels: Record<string, string>) => object = (labels) => labels,
  ) => {
    const [, template] = templatesOf(made.manifests).find(([each]) => each === service) ?? [];
    const labels = changes({ ...template?.metadata.labels });
    const metadata = { name, namespace: "vitals", labels };
    await cluster.apply([{ apiVersion: "v1", kind: "Pod", metadata, spec: template?.spec } as unknown as Manifest]);
    const found = await cluster.get("v1/Pod", name, "vitals");
    await cluster.call("PUT", `/api/v1/namespaces/vitals/pods/${name}/status`, {
      ...found,
      status: { phase, podIP: "127.0.0.1", podIPs: [{ ip: "127.0.0.1" }] },
    });
  };
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
    await cluster.apply(made.manifests as unknown as readonly Manifest[]);
    await pod("db-stats", "db-stats-5f7c-aaaaa", "Running");
    await pod("db-stats", "db-stats-5f7c-bbbbb", "Pending");
    await pod("db-stats", "db-stats-5f7c-ended", "Failed");
    await pod("integration-health", "integration-health-6d8-ccccc", "Running");
    await pod("db-stats", "somebody-else", "Running", () => ({ "app.kubernetes.io/name": "db-stats" }));
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
      scrape_configs: { kubernetes_sd_configs?: { namespaces: object; kubeconfig_file?: string }[] }[];
    };
    delete main.rule_files;
    for (const { kubernetes_sd_configs = [] } of main.scrape_configs)
      for (const discovery of kubernetes_sd_configs) {
        expect(discovery.namespaces).toEqual({ own_namespace: true });
        discovery.namespaces = { names: ["vitals"] };
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
    expect(await instances("integration-health")).toEqual(["integration-health-6d8-ccccc"]);
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

  it("follows a pod that comes and one that goes", async () => {
    await pod("db-stats", "db-stats-5f7c-ddddd", "Running");
    await cluster.call("DELETE", "/api/v1/namespaces/vitals/pods/db-stats-5f7c-aaaaa", { gracePeriodSeconds: 0 });
    await expect
      .poll(() => instances("db-stats"), { timeout: 30_000, interval: 200 })
      .toEqual(["db-stats-5f7c-bbbbb", "db-stats-5f7c-ddddd"]);
    expect(prometheus.output()).not.toMatch(/forbidden|Failed to watch/);
  });
});
