// The pure half of the Kubernetes platform: which objects a configuration becomes, and what holds for all of them.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, describe as group, it } from "vitest";
import { parse, stringify } from "yaml";
import { StackError } from "../../components/errors.ts";
import type { Manifest } from "../../components/platforms/kubernetes/manifest.ts";
import { planKubernetes } from "../../components/platforms/kubernetes/plan.ts";
import type { FileSpec, ServiceSpec } from "../../components/spec.ts";
import { bytes } from "../../components/units.ts";
import { findTool } from "../../tools/resolve.ts";
import {
  configFor,
  elsewhere,
  elsewhereSecrets,
  environments,
  least,
  type Made,
  make,
  most,
  mostSecrets,
  planned,
  sizes,
  templatesOf,
} from "./kubernetes-stacks.ts";

const problemsOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    if (error instanceof StackError) return error.problems.map(({ where, what }) => `${where} ${what}`);
    throw error;
  }
  return [];
};
const spec = (name: string, more: Partial<ServiceSpec> = {}): ServiceSpec => ({
  name,
  kind: "service",
  about: "",
  owner: "test",
  version: "1",
  artifact: { image: "example.com/image:1" },
  user: { uid: 1000, gid: 1000 },
  ports: { web: { number: 1000 } },
  ...more,
});
const planOf = (specs: readonly ServiceSpec[], settings: Record<string, unknown> = least) =>
  planKubernetes(configFor(settings), { specs, aliases: new Map() }, { digests: {}, ownCode: () => "hash" });
/** Texts of files are compared elsewhere; here they would hide the objects. */
const withoutTexts = (manifests: readonly Manifest[]): readonly unknown[] =>
  manifests.map((manifest) =>
    JSON.parse(
      JSON.stringify(manifest, (key, value) =>
        key === "data" ? Object.fromEntries(Object.keys(value).map((name) => [name, "(its content)"])) : value,
      ).replaceAll(/-config-[0-9a-f]{10}/g, "-config-HASH"),
    ),
  );
const dataOf = (made: Made, service: string): Readonly<Record<string, string>> =>
  Object.assign({}, ...planned(made, "ConfigMap", service).map(({ manifest }) => manifest.data));

group("a plan of Kubernetes objects", () => {
  it.each(sizes)("has these objects when it is %s", (size) => {
    const { manifests } = make({ ...most, size }, mostSecrets);
    const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.name.replace(/-[0-9a-f]{10}$/, "-HASH")}`);
    expect(names).toMatchSnapshot();
    expect(new Set(names).size).toBe(names.length);
  });

  it("reads like this when it is large and has everything", async () => {
    const { manifests } = make({ ...most, size: "large", backup: {} }, mostSecrets);
    const text = withoutTexts(manifests).map(
      (each) => `---\n${stringify(each, { lineWidth: 0, aliasDuplicateObjects: false })}`,
    );
    await expect(text.join("")).toMatchFileSnapshot("__snapshots__/kubernetes-large.yaml");
  });

  it.each(environments)("is the same, byte for byte, each time: %s", (_, environment) => {
    expect(JSON.stringify(environment().plan)).toBe(JSON.stringify(environment().plan));
  });

  it("names each object once", () => {
    for (const [, environment] of environments) {
      const { plan, manifests } = environment();
      const ids = manifests.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`);
      expect(new Set(ids).size).toBe(ids.length);
      const tokens = plan.objects.map(({ manifest, token }) => `${manifest.kind} ${token}`);
      expect(new Set(tokens).size).toBe(tokens.length);
    }
  });
});

group("every container of every environment", () => {
  const all = environments.flatMap(([name, environment]) =>
    templatesOf(environment().manifests).map(([service, template]) => [name, service, template.spec] as const),
  );

  it.each(all)("keeps the restricted standard: %s: %s", (_environment, _service, pod) => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    expect(pod.securityContext.runAsUser).toBeGreaterThan(0);
    expect(pod.securityContext.fsGroup).toBe(pod.securityContext.runAsGroup);
    for (const field of ["hostNetwork", "hostPID", "hostIPC", "hostUsers"]) expect(pod[field]).toBeUndefined();
    for (const { securityContext, ports = [] } of pod.containers) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        capabilities: { drop: ["ALL"] },
      });
      for (const { hostPort } of ports) expect(hostPort).toBeUndefined();
    }
    const kinds = pod.volumes.flatMap(({ name: _name, ...source }: { name: string }) => Object.keys(source));
    for (const kind of kinds) expect(["projected", "secret", "emptyDir", "persistentVolumeClaim"]).toContain(kind);
  });

  it.each(all)(
    "has its image by a tag, its shares, its place to write and its probes: %s: %s",
    (_environment, service, pod) => {
      for (const container of pod.containers) {
        expect(container.image).toMatch(/:[\w.-]+$/);
        expect(container.image).not.toMatch(/:latest$/);
        for (const share of ["requests", "limits"])
          expect(Object.keys(container.resources[share])).toEqual(["cpu", "memory", "ephemeral-storage"]);
        expect(container.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath)).toContain("/tmp");
        // A job ends by itself.
        if (pod.restartPolicy === "OnFailure") continue;
        expect(container.readinessProbe).toBeDefined();
        expect(container.startupProbe.periodSeconds * container.startupProbe.failureThreshold).toBe(900);
        if (service !== "demo-postgres") expect(container.livenessProbe).toBeDefined();
      }
    },
  );

  it("is backed up on the machine where its volume is, by its own user, into a claim of the backup's own", () => {
    const made = make({ ...least, backup: { keep: 3, storageClass: "slow" }, webLogin: true });
    const pods = new Map(templatesOf(made.manifests).map(([service, { spec: pod }]) => [service, pod]));
    for (const [service, readOnly] of [
      ["prometheus", undefined],
      ["alertmanager", true],
      ["grafana", true],
    ] as const) {
      const [pod, of] = [pods.get(`${service}-backup`), pods.get(service)];
      expect(pod.securityContext).toEqual(of.securityContext);
      const [{ topologyKey, labelSelector }] = pod.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution;
      expect([topologyKey, labelSelector.matchLabels["statefulset.kubernetes.io/pod-name"]]).toEqual([
        "kubernetes.io/hostname",
        `${service}-0`,
      ]);
      const volume = (name: string) => pod.volumes.find((each: { name: string }) => each.name === name);
      expect(volume(`data-${service}`).persistentVolumeClaim).toEqual({
        claimName: `data-${service}-0`,
        ...(readOnly && { readOnly }),
      });
      expect(volume("archive").persistentVolumeClaim).toEqual({ claimName: `archive-${service}-backup` });
    }
    expect(pods.get("prometheus-backup").containers[0].args).toEqual([
      "backup/main.ts",
      ...["take", "--of", "prometheus", "--data", "/source", "--archive", "/archive", "--keep", "3"],
      ...[
        "--url",
        "http://prometheus:9090",
        "--report",
        "http://prometheus-0.prometheus-pods:9090",
        "--user",
        "vitals",
      ],
      ...["--password-file", "/run/vitals/secrets/prometheusPassword"],
    ]);
    expect(pods.get("prometheus").containers[0].args).toContain("--web.enable-admin-api");
    const claims = planned(made, "PersistentVolumeClaim").map(({ manifest: { metadata, spec } }) => [
      metadata.name,
      (spec as { storageClassName: string }).storageClassName,
      (spec as unknown as { resources: { requests: { storage: string } } }).resources.requests.storage,
    ]);
    expect(claims).toEqual([
      ["archive-prometheus-backup", "slow", "16Gi"],
      ["archive-alertmanager-backup", "slow", "256Mi"],
      ["archive-grafana-backup", "slow", "1Gi"],
    ]);
  });

  it("is backed up where that is said alone, and into a claim that exists where one is named", () => {
    const without = make(least);
    expect(planned(without, "CronJob")).toEqual([]);
    expect(JSON.stringify(without.manifests)).not.toContain("enable-admin-api");
    const shared = make({ ...least, grafana: "off", backup: { claim: "archive" } });
    expect(planned(shared, "CronJob").map(({ part }) => part)).toEqual(["prometheus-backup", "alertmanager-backup"]);
    expect(planned(shared, "PersistentVolumeClaim")).toEqual([]);
    for (const [service, { spec: pod }] of templatesOf(shared.manifests).filter(([name]) => name.endsWith("-backup")))
      expect(pod.containers[0].volumeMounts).toContainEqual({
        name: "archive",
        mountPath: "/archive",
        subPath: service,
      });
  });

  it("asks PostgreSQL by its own program, in its container, whether it takes connections", () => {
    const { manifests } = make({ ...least, demo: true });
    const commands = templatesOf(manifests).flatMap(([service, { spec: pod }]) =>
      service === "demo-postgres" ? [pod.containers[0].readinessProbe.exec.command.join(" ")] : [],
    );
    expect(commands).toEqual(["pg_isready --host=127.0.0.1 --port=5432 --username=postgres"]);
  });

  it.each(all)("gets a token of the cluster only where it asks the cluster: %s: %s", (_environment, service, pod) => {
    expect(pod.automountServiceAccountToken).toBe(service === "prometheus");
    expect(pod.serviceAccountName).toBe(service);
  });

  it("runs as the user that its image is made for", () => {
    const users = templatesOf(make().manifests).map(([service, { spec: pod }]) => [
      service,
      pod.securityContext.runAsUser,
    ]);
    expect(Object.fromEntries(users)).toEqual({
      redis: 999,
      jaeger: 10001,
      alertmanager: 65534,
      grafana: 472,
      "integration-health": 65532,
      "db-stats": 65532,
      prometheus: 65534,
    });
  });
});

group("sizes", () => {
  const sum = (made: Made, share: "requests" | "limits", what: "cpu" | "memory") =>
    made.manifests
      .flatMap(({ kind, spec: workload }) => {
        if (kind !== "StatefulSet" && kind !== "Deployment") return [];
        // biome-ignore lint/suspicious/noExplicitAny: tests read workloads freely.
        const { replicas, template } = workload as any;
        const text: string = template.spec.containers[0].resources[share][what];
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
    expect(text).toMatch(/alert_relabel_configs:\n\s+- action: labeldrop\n\s+regex: replica/);
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

group("files", () => {
  it("that a program reads at its start give their object a new name when they change, and no other object", () => {
    const names = (interval: string) =>
      make({ ...least, scrapeInterval: interval })
        .manifests.filter(({ kind }) => kind === "ConfigMap")
        .map(({ metadata }) => metadata.name);
    const [before, after] = [names("15s"), names("30s")];
    expect(after.filter((name) => !before.includes(name))).toEqual([
      expect.stringMatching(/^prometheus-config-[0-9a-f]{10}$/),
    ]);
    for (const { manifest } of planned(make(), "ConfigMap"))
      expect(manifest.immutable).toBe(/-live$/.test(manifest.metadata.name) ? undefined : true);
  });

  it("that a program watches change in place, without another pod", () => {
    const integrations = [{ name: "payments", probe: "tcp", address: "10.0.0.1:443" }];
    const [before, after] = [make(), make({ ...least, integrations })].map((made) => ({
      data: JSON.stringify(planned(made, "ConfigMap", "integration-health")),
      workload: JSON.stringify(planned(made, "StatefulSet", "integration-health")),
    }));
    expect(after?.data).not.toBe(before?.data);
    expect(after?.workload).toBe(before?.workload);
  });

  const large = (name: string, size: number): NonNullable<ServiceSpec["files"]> =>
    Object.fromEntries([
      [`/etc/app/${name}`, { apply: "watched", content: { text: "x".repeat(size) } } satisfies FileSpec],
    ]);

  it("fill as many objects as they need, each below 1 MiB, and stay in one folder", () => {
    const { objects } = planOf([
      spec("app", { files: { ...large("a", 600_000), ...large("b", 600_000), ...large("c", 300_000) } }),
    ]);
    const maps = objects.filter(({ manifest }) => manifest.kind === "ConfigMap");
    expect(maps.map(({ manifest }) => [manifest.metadata.name, Object.keys(manifest.data as object)])).toEqual([
      ["app-live", ["a"]],
      ["app-live-2", ["b", "c"]],
    ]);
    for (const { manifest } of maps) expect(JSON.stringify(manifest).length).toBeLessThan(2 ** 20);
    const text = JSON.stringify(objects.find(({ manifest }) => manifest.kind === "Deployment"));
    expect(text.match(/"mountPath":"\/etc\/app"/g)).toHaveLength(1);
  });

  it("that are too large for any object are refused by name", () => {
    expect(problemsOf(() => planOf([spec("app", { files: large("a", 1_100_000) })]))).toEqual([
      "app /etc/app/a has 1100000 bytes, and a ConfigMap ends at 1 MiB",
    ]);
  });

  it("name the authority of a store that somebody else runs, beside which it lies", () => {
    const files = dataOf(make(elsewhere, elsewhereSecrets), "jaeger");
    const { extensions } = parse(files["config.yaml"] ?? "") as {
      extensions: { jaeger_storage: { backends: { main: { opensearch: { tls: unknown } } } } };
    };
    expect(extensions.jaeger_storage.backends.main.opensearch.tls).toEqual({
      ca_file: "/etc/jaeger/opensearch-ca.pem",
    });
    expect(files["opensearch-ca.pem"]).toMatch(/^-----BEGIN CERTIFICATE-----\n/);
  });

  it("of one name in two folders have keys without a slash that differ", () => {
    const { manifest } = planned(make(), "ConfigMap", "grafana")[0] ?? {};
    expect(Object.keys((manifest?.data ?? {}) as object)).toEqual([
      "grafana.ini",
      "etc_.grafana_.provisioning_.datasources_.vitals.yaml",
      "etc_.grafana_.provisioning_.dashboards_.vitals.yaml",
    ]);
  });
});

group("secrets", () => {
  const made = make({ ...most, demo: true }, mostSecrets);

  it("are in objects of kind Secret alone, as placeholders", () => {
    for (const manifest of made.manifests.filter(({ kind }) => kind === "Secret"))
      for (const text of Object.values(manifest.stringData as Record<string, string>))
        expect(text).toMatch(/\$\{\w+\}/);
    expect(JSON.stringify(made.plan.objects.map(({ manifest }) => manifest))).not.toMatch(
      /"\$":|\$\{\w*(?:Password|Token|Url)/,
    );
  });

  it("reach only the services that read them", () => {
    const readers = made.manifests
      .filter(({ kind }) => kind === "Secret")
      .map(({ metadata, stringData }) => [
        metadata.name,
        [...JSON.stringify(stringData).matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name),
      ]);
    expect(Object.fromEntries(readers)).toEqual({
      "redis-secrets": ["redisPassword_sha256", "redisStatsPassword_sha256"],
      "alertmanager-secrets": ["alertmanagerPassword", "pagerUrl", "switchUrl", "alertmanagerPassword_bcrypt"],
      "slack-relay-secrets": ["slackWebhookUrl"],
      "gateway-secrets": ["gatewaySecret", "redisPassword"],
      "grafana-secrets": ["alertmanagerPassword", "grafanaAdminPassword", "grafanaClientSecret", "prometheusPassword"],
      "integration-health-secrets": ["alertmanagerPassword", "healthApiToken", "prometheusPassword"],
      "db-stats-secrets": ["demoStatsPassword", "mainPassword", "redisStatsPassword"],
      "demo-login-secrets": ["demoSigningKey"],
      "demo-postgres-secrets": ["demoPostgresPassword"],
      "demo-seed-secrets": ["demoClinicPassword", "demoPostgresPassword", "demoStatsPassword"],
      "clinical-service-secrets": ["demoClinicPassword"],
      "business-service-secrets": ["demoClinicPassword"],
      "medication-service-secrets": ["demoClinicPassword"],
      "prometheus-secrets": [
        "alertmanagerPassword",
        "mimirPassword",
        "prometheusPassword",
        "thanosToken",
        "prometheusPassword_bcrypt",
      ],
    });
  });

  it("are read from files by the group alone, never from arguments or variables", () => {
    for (const [, { spec: pod }] of templatesOf(made.manifests)) {
      for (const { args = [], env = [] } of pod.containers) {
        expect(JSON.stringify(args)).not.toMatch(/\$\{/);
        for (const { valueFrom } of env) expect(valueFrom?.secretKeyRef).toBeUndefined();
      }
      for (const { secret, projected } of pod.volumes)
        for (const source of [secret, projected]) if (source !== undefined) expect(source.defaultMode).toBe(0o440);
    }
  });

  it("that change make their readers roll", () => {
    for (const { manifest, restartsFor = [] } of made.plan.objects)
      if (["StatefulSet", "Deployment"].includes(manifest.kind))
        expect([manifest.metadata.name, restartsFor.length > 0]).toEqual([
          manifest.metadata.name,
          made.manifests.some(
            ({ kind, metadata }) => kind === "Secret" && metadata.name === `${manifest.metadata.name}-secrets`,
          ),
        ]);
  });
});

group("images", () => {
  const imagesOf = (made: Made) =>
    Object.fromEntries(
      templatesOf(made.manifests).map(([service, { spec: pod }]) => [service, pod.containers[0].image]),
    );

  it("of our own are asked for, with all other problems, when nobody says where they are", () => {
    expect(problemsOf(() => make({ platform: "kubernetes", images: { redsi: "a:1" } }))).toEqual([
      expect.stringMatching(/^vitals:registry is missing: integration-health, db-stats run our own code/),
      "vitals:images.redsi is no service of this stack",
    ]);
  });

  it("of our own are tagged by their code, and can be named", () => {
    expect(imagesOf(make())["db-stats"]).toBe("registry.example.com/team/vitals:0.1.0-c0de00c0de00");
    const named = imagesOf(
      make({ platform: "kubernetes", images: { vitals: "mirror/vitals:7", redis: "mirror/redis:8" } }),
    );
    expect(named).toMatchObject({
      "db-stats": "mirror/vitals:7",
      "integration-health": "mirror/vitals:7",
      redis: "mirror/redis:8",
    });
  });

  it.each([
    ["mirror/redis:8.0.0", "8.0.0"],
    ["mirror/redis:_8-", "8"],
    [`mirror/redis@sha256:${"a".repeat(64)}`, undefined],
    [`mirror/redis:${"8".repeat(64)}`, undefined],
  ])("name the version of their service, where a label can hold it: %s", (redis, version) => {
    const [set] = planned(make({ ...least, images: { redis } }), "StatefulSet", "redis");
    expect(set?.manifest.metadata.labels["app.kubernetes.io/version"]).toBe(version);
  });

  it("are pinned by digest where one is known, whatever runs them", () => {
    const digest = `sha256:${"a".repeat(64)}`;
    const settings = { ...most, demo: true, backup: {} };
    const tags = [...new Set(Object.values(imagesOf(make(settings, mostSecrets))))];
    expect(tags.length).toBeGreaterThan(6);
    const made = make(settings, mostSecrets, "test", Object.fromEntries(tags.map((tag) => [tag, digest])));
    for (const image of Object.values(imagesOf(made))) expect(tags.map((tag) => `${tag}@${digest}`)).toContain(image);
  });
});

group("what a cluster cannot do", () => {
  it("is told for all services at once", () => {
    const specs = [
      spec("app", { ports: { "a-name-that-is-too-long": { number: 1 } } }),
      spec("own", { files: { "/a/b": { apply: "restart", seed: true, content: { text: "" } } } }),
      { ...spec("root"), user: undefined } as unknown as ServiceSpec,
      spec("none", { artifact: { tool: "x" } }),
    ];
    expect(problemsOf(() => planOf(specs))).toEqual([
      "none has no image",
      "own /a/b is rewritten by its program, and the files of a container are read-only",
      "root does not say as whom its image runs",
      "app/a-name-that-is-too-long is no name of a port in Kubernetes",
    ]);
  });
});

group("pages", () => {
  it("are at the ingress where there is one, each with a certificate, and asked for a login where they have none", () => {
    const made = make(most, mostSecrets);
    expect(made.plan.pages).toEqual([
      { service: "jaeger", title: "traces", url: "https://jaeger.vitals.example.com/" },
      { service: "alertmanager", title: "alerts and silences", url: "https://alertmanager.vitals.example.com/" },
      { service: "grafana", title: "dashboards", url: "https://grafana.vitals.example.com/" },
      {
        service: "integration-health",
        title: "integrations' status",
        url: "https://integration-health.vitals.example.com/",
      },
      { service: "prometheus", title: "metrics and rules", url: "https://prometheus.vitals.example.com/" },
    ]);
    for (const { manifest } of planned(made, "Ingress")) {
      const annotations = manifest.metadata.annotations ?? {};
      expect(annotations["cert-manager.io/cluster-issuer"]).toBe("letsencrypt");
      expect(annotations["example.com/team"]).toBe("platform");
      expect("nginx.ingress.kubernetes.io/auth-url" in annotations).toBe(manifest.metadata.name !== "grafana");
    }
  });

  it("without a login of their own stay inside where nobody asks for one", () => {
    const open = make({ ...least, ingress: { class: "nginx", host: "vitals.example.com" } });
    expect(planned(open, "Ingress").map(({ part }) => part)).toEqual(["grafana"]);
  });

  it("that ask for the one password of their program are open to people, behind the ingress's own login where that is no password", () => {
    const ingress = { class: "nginx", host: "vitals.example.com" };
    const guardsOf = (auth: object) =>
      Object.fromEntries(
        planned(make({ ...least, webLogin: true, ingress: { ...ingress, ...auth } }), "Ingress").map(
          ({ part, manifest }) => [
            part,
            Object.keys(manifest.metadata.annotations ?? {}).map((key) => key.replace(/.*\//, "")),
          ],
        ),
      );
    expect(guardsOf({})).toEqual({ alertmanager: [], grafana: [], prometheus: [] });
    expect(guardsOf({ auth: { url: "https://login.example.com/auth" } })).toMatchObject({
      alertmanager: ["auth-url"],
      grafana: [],
      jaeger: ["auth-url"],
      prometheus: ["auth-url"],
    });
    const basic = ["auth-type", "auth-secret", "auth-realm"];
    expect(guardsOf({ auth: { basicAuthSecret: "people" } })).toMatchObject({
      alertmanager: [],
      grafana: [],
      jaeger: basic,
      prometheus: [],
    });
  });

  it("link to where people are, not to where programs are", () => {
    const grafana = dataOf(make(most, mostSecrets), "grafana")["grafana.ini"] ?? "";
    expect(grafana).toContain("root_url = https://grafana.vitals.example.com\n");
    expect(dataOf(make(), "grafana")["grafana.ini"]).toContain("root_url = http://localhost:3000\n");
  });
});
