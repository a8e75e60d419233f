import { expect, describe as group, it } from "vitest";
import { stringify } from "yaml";
import type { Manifest } from "../../components/platforms/kubernetes/manifest.ts";
import type { ServiceSpec } from "../../components/spec.ts";
import {
  environments,
  least,
  make,
  most,
  mostSecrets,
  planned,
  planOf,
  problemsOf,
  sizes,
  spec,
  templatesOf,
} from "./kubernetes-stacks.ts";

/** Texts of files are compared elsewhere; here they would hide the objects. */
const withoutTexts = (manifests: readonly Manifest[]): readonly unknown[] =>
  manifests.map((manifest) =>
    JSON.parse(
      JSON.stringify(manifest, (key, value) =>
        key === "data" ? Object.fromEntries(Object.keys(value).map((name) => [name, "(its content)"])) : value,
      ).replaceAll(/-config-[0-9a-f]{10}/g, "-config-HASH"),
    ),
  );

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
