// The pure half of the Kubernetes platform: what each size asks for, and how replicas find each other.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, describe as group, it } from "vitest";
import { parse } from "yaml";
import { bytes } from "../../components/units.ts";
import { findTool } from "../../tools/resolve.ts";
import {
  dataOf,
  environments,
  least,
  type Made,
  make,
  planned,
  problemsOf,
  sizes,
  templatesOf,
} from "./kubernetes-stacks.ts";

interface Workload {
  readonly replicas: number;
  readonly template: { readonly spec: { readonly containers: readonly [{ readonly resources: Resources }] } };
}
type Resources = Readonly<Record<"requests" | "limits", Readonly<Record<"cpu" | "memory", string>>>>;

group("sizes", () => {
  const sum = (made: Made, share: "requests" | "limits", what: "cpu" | "memory") =>
    made.manifests
      .flatMap(({ kind, spec: workload }) => {
        if (kind !== "StatefulSet" && kind !== "Deployment") return [];
        const { replicas, template } = workload as unknown as Workload;
        const text = template.spec.containers[0].resources[share][what];
        const amount =
          what === "memory"
            ? bytes(`${text}B`) / 2 ** 30
            : text.endsWith("m")
              ? Number.parseInt(text, 10) / 1_000
              : Number(text);
        return [amount * replicas];
      })
      .reduce((total, amount) => total + amount, 0);

  it("ask for at most one core and 2.5 GiB when small", () => {
    expect(sum(make(), "requests", "cpu")).toBeLessThanOrEqual(1);
    expect(sum(make(), "requests", "memory")).toBeLessThanOrEqual(2.5);
  });

  it.each(sizes)("are told in the documentation as they are: %s", (size) => {
    const made = make({ ...least, size });
    const figure = (share: "requests" | "limits", what: "cpu" | "memory") => Number(sum(made, share, what).toFixed(2));
    const row = [
      `\`${size}\``,
      made.manifests.length,
      figure("requests", "cpu"),
      `${figure("requests", "memory")} GiB`,
      figure("limits", "cpu"),
      `${figure("limits", "memory")} GiB`,
    ];
    expect(readFileSync(join(import.meta.dirname, "../../docs/kubernetes.md"), "utf8")).toContain(
      `| ${row.join(" | ")} |`,
    );
  });

  it("give a pair of Prometheus and three Alertmanagers from medium on", () => {
    const replicas = (size: string) =>
      Object.fromEntries(
        make({ ...least, size }).manifests.flatMap(({ kind, metadata, spec: workload }) =>
          kind === "StatefulSet" ? [[metadata.name, (workload as { replicas?: number }).replicas]] : [],
        ),
      );
    expect(replicas("small")).toMatchObject({ prometheus: 1, alertmanager: 1 });
    expect(replicas("medium")).toMatchObject({ prometheus: 2, alertmanager: 3 });
    expect(replicas("large")).toMatchObject({ prometheus: 2, alertmanager: 3, redis: 1, jaeger: 1, grafana: 1 });
  });

  it("can be changed for one service", () => {
    const made = make({ ...least, sizeOverrides: { jaeger: { cpu: 3, memory: "6GiB", storage: "1TiB" } } });
    const [jaeger] = planned(made, "StatefulSet", "jaeger");
    const text = JSON.stringify(jaeger?.manifest);
    expect(text).toContain('"requests":{"cpu":"3","memory":"6Gi"');
    expect(text).toContain('"limits":{"cpu":"12","memory":"12Gi"');
    expect(text).toContain('"storage":"1Ti"');
    expect(dataOf(made, "jaeger")["config.yaml"]).toContain(`limit_mib: ${12 * 1024 * 0.75}`);
  });

  it("leave Prometheus a fifth of its volume free, and Redis half as much again as it may cache", () => {
    const made = make({ ...least, retentionSize: "40GiB", redisMaxMemory: "2GiB" });
    expect(JSON.stringify(planned(made, "StatefulSet", "prometheus"))).toContain('"storage":"50Gi"');
    expect(JSON.stringify(planned(made, "StatefulSet", "redis"))).toContain('"requests":{"cpu":"100m","memory":"3Gi"');
  });

  it("refuse what cannot be", () => {
    const sizeOverrides = { jaegr: { cpu: 1 }, redis: { replicas: 2 }, prometheus: { storage: "1GiB" } };
    expect(problemsOf(() => make({ ...least, sizeOverrides }))).toEqual([
      "vitals:sizeOverrides.jaegr is no service of this stack",
      "vitals:sizeOverrides.redis.replicas is 2, but redis runs once: its data is not shared",
      "vitals:sizeOverrides.prometheus.storage follows from what Prometheus may fill",
    ]);
    const storage = "10GiB";
    const none = { redis: { storage }, "prometheus-backup": { storage }, grafana: { storage } };
    expect(problemsOf(() => make({ ...least, backup: { claim: "archive" }, sizeOverrides: none }))).toEqual([
      "vitals:sizeOverrides.redis.storage is 10GiB, but redis has no volume of its own",
      "vitals:sizeOverrides.prometheus-backup.storage is 10GiB, but prometheus-backup has no volume of its own",
    ]);
  });
});

group("replicas", () => {
  const made = make({ ...least, size: "large" });

  it("of Alertmanager know each other by name", () => {
    const [, alertmanager] = templatesOf(made.manifests).find(([service]) => service === "alertmanager") ?? [];
    const [container] = alertmanager?.spec.containers ?? [];
    expect(container.args.filter((arg: string) => arg.startsWith("--cluster."))).toEqual([
      "--cluster.listen-address=0.0.0.0:9094",
      "--cluster.advertise-address=$(POD_IP):9094",
      "--cluster.label=test",
      "--cluster.peer=alertmanager-0.alertmanager-pods:9094",
      "--cluster.peer=alertmanager-1.alertmanager-pods:9094",
      "--cluster.peer=alertmanager-2.alertmanager-pods:9094",
    ]);
    expect(container.env).toEqual([{ name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }]);
  });

  it("of Prometheus send to every Alertmanager, each under a label that the alerts lose", () => {
    const text = dataOf(made, "prometheus")["prometheus.yml"] ?? "";
    for (const ordinal of [0, 1, 2]) expect(text).toContain(`- alertmanager-${ordinal}.alertmanager-pods:9093`);
    expect(text).toContain(`replica: \${VITALS_REPLICA}`);
    const [, kept = ""] = /alert_relabel_configs:\n\s+- action: labelkeep\n\s+regex: (\S+)/.exec(text) ?? [];
    expect(kept.split("|")).toContain("service");
    expect(kept.split("|")).not.toContain("replica");
    const [, prometheus] = templatesOf(made.manifests).find(([service]) => service === "prometheus") ?? [];
    expect(prometheus?.spec.containers[0].env).toContainEqual({ name: "VITALS_REPLICA", value: "$(POD_NAME)" });
  });

  it("that are alone neither gossip nor have a label", () => {
    const alone = JSON.stringify(make().manifests);
    expect(alone).toContain("--cluster.listen-address=");
    expect(alone).not.toContain("--cluster.peer");
    expect(alone).not.toContain("VITALS_REPLICA");
  });

  it("without a name of their own are found through the cluster, under their pod's name", () => {
    const text = dataOf(made, "prometheus")["prometheus.yml"] ?? "";
    const job = text.slice(text.indexOf("job_name: db-stats"), text.indexOf("job_name: prometheus"));
    expect(job).toContain("label: app.kubernetes.io/name=db-stats,app.kubernetes.io/part-of=vitals");
    expect(job).toMatch(/own_namespace: true/);
    expect(job).toMatch(/- __meta_kubernetes_pod_name\n\s+target_label: instance/);
  });

  it("are scraped within limits, those of pods that nobody of ours has named within more", () => {
    for (const [name, environment] of environments) {
      const text = dataOf(environment(), "prometheus")["prometheus.yml"] ?? "";
      const { scrape_configs: jobs } = parse(text) as { readonly scrape_configs: readonly Record<string, unknown>[] };
      expect(jobs.length).toBeGreaterThan(5);
      for (const job of jobs) {
        const others = JSON.stringify(job.kubernetes_sd_configs ?? []).includes('"names":');
        const limits = [
          ...["sample_limit", "label_limit", "body_size_limit"],
          ...(others ? ["target_limit", "label_name_length_limit", "label_value_length_limit"] : []),
        ];
        expect([name, job.job_name, limits.filter((limit) => !job[limit])]).toEqual([name, job.job_name, []]);
      }
    }
  });

  it.skipIf(findTool("promtool") === undefined)("have configurations that the programs themselves take", () => {
    const folder = mkdtempSync(join(tmpdir(), "vitals-rendered-"));
    try {
      for (const [name, environment] of environments) {
        const each = environment();
        for (const [service, tool, ...args] of [
          ["prometheus", "promtool", "check", "config", "/etc/prometheus/prometheus.yml"],
          ["alertmanager", "amtool", "check-config", "/etc/alertmanager/alertmanager.yml"],
          ["jaeger", "jaeger", "validate", "--config", "/etc/jaeger/config.yaml"],
        ] as const) {
          const root = join(folder, name.replaceAll(/\W+/g, "-"), service);
          writeMounted(each, service, root);
          const below = args.map((arg) => (arg.startsWith("/") ? join(root, arg) : arg));
          execFileSync(findTool(tool)?.path ?? tool, below, { stdio: "pipe", timeout: 30_000 });
        }
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** Puts a service's files where its pod would have them, below a folder. */
function writeMounted(made: Made, service: string, root: string): void {
  const [, template] = templatesOf(made.manifests).find(([name]) => name === service) ?? [];
  const maps = Object.fromEntries(
    planned(made, "ConfigMap", service).map(({ manifest }) => [
      manifest.metadata.name,
      manifest.data as Record<string, string>,
    ]),
  );
  for (const { name, projected } of template?.spec.volumes ?? []) {
    const mount = template?.spec.containers[0].volumeMounts.find(
      (each: { name: string }) => each.name === name,
    )?.mountPath;
    for (const { configMap } of projected?.sources ?? [])
      for (const { key, path } of configMap?.items ?? []) {
        const at = join(root, mount, path);
        mkdirSync(dirname(at), { recursive: true });
        // Files name each other by the paths that they have in the pod.
        writeFileSync(at, (maps[configMap.name]?.[key] ?? "").replaceAll(`${mount}/`, `${join(root, mount)}/`));
      }
  }
}
