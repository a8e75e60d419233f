import { expect, describe as group, it } from "vitest";
import { parse } from "yaml";
import type { FileSpec, ServiceSpec } from "../../components/spec.ts";
import {
  dataOf,
  elsewhere,
  elsewhereSecrets,
  least,
  type Made,
  make,
  most,
  mostSecrets,
  planned,
  planOf,
  problemsOf,
  spec,
  templatesOf,
} from "./kubernetes-stacks.ts";

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
