// Every platform makes the same stack of one configuration: the same services, files, scrapes, rules, dashboards and secrets.
import { expect, describe as group, it } from "vitest";
import { parse } from "yaml";
import { planners } from "../../components/platforms/index.ts";
import { describe } from "../../components/stack.ts";
import { platforms, type Services } from "./conformance.ts";
import {
  configFor,
  elsewhere,
  elsewhereSecrets,
  least,
  most,
  mostSecrets,
  type Settings,
} from "./kubernetes-stacks.ts";

const stacks: readonly (readonly [string, Settings, readonly string[]])[] = [
  ["small", least, []],
  ["large", { ...least, size: "large" }, []],
  ["with everything", most, mostSecrets],
  ["with stores elsewhere", elsewhere, elsewhereSecrets],
  ["with the demo", { ...least, demo: true }, []],
  ["without Grafana", { ...least, grafana: "off" }, []],
  ["with traces in memory", { ...least, jaegerStorage: "memory" }, []],
];

const stack = (settings: Settings, secrets: readonly string[]) => {
  const config = configFor(settings, secrets);
  return describe(config, { services: [], has: (tool) => !(tool === "grafana" && config.grafana === "off") });
};

const made = (platform: string, settings: Settings, secrets: readonly string[]): Services =>
  platforms[platform]?.(configFor(settings, secrets), stack(settings, secrets)) ?? {};

interface ScrapeConfig {
  readonly job_name: string;
  readonly static_configs?: readonly {
    readonly targets: readonly string[];
    readonly labels?: { readonly instance?: string };
  }[];
}

const prometheusOf = (services: Services) =>
  parse(services.prometheus?.files["/etc/prometheus/prometheus.yml"] ?? "") as {
    readonly scrape_configs: readonly ScrapeConfig[];
    readonly alerting: { readonly alertmanagers: readonly ScrapeConfig[] };
  };

group("the table of platforms", () => {
  it("has every platform that can plan", () => {
    expect(Object.keys(platforms).toSorted()).toEqual(Object.keys(planners).toSorted());
  });
});

group.each(Object.keys(platforms))("the platform %s", (platform) => {
  it("hands over the proxy of the integrations, its login as a file", () => {
    const { files = {}, secrets } = made(platform, elsewhere, elsewhereSecrets)["integration-health"] ?? {};
    const { proxy } = JSON.parse(files["/etc/vitals/exporter.json"] ?? "{}") as { readonly proxy?: object };
    expect(proxy).toEqual({ address: "proxy.edge.svc:3128", credentialFile: "<secret proxyLogin>" });
    expect(secrets).toContain("proxyLogin");
  });

  it("hands over where the gateway reports its errors as a file, and in a stack that does not say where, nothing", () => {
    const { files = {}, secrets } = made(platform, elsewhere, elsewhereSecrets).gateway ?? {};
    const reports = (text = "{}") => (JSON.parse(text) as { readonly errorReports?: object }).errorReports;
    expect(reports(files["/etc/vitals/gateway.json"])).toEqual({ dsnFile: "<secret reportsDsn>" });
    expect(secrets).toContain("reportsDsn");
    const { gateway: silent } = made(platform, { demo: true, registry: "registry.example.com" }, []);
    expect(silent?.files["/etc/vitals/gateway.json"]).toContain('"upstreams"');
    expect(reports(silent?.files["/etc/vitals/gateway.json"])).toBeUndefined();
  });

  it("tells Node how much the gateway fills before it collects, before its entry", () => {
    const { args = [] } = made(platform, { demo: true, registry: "registry.example.com" }, []).gateway ?? {};
    const options = ["--min-semi-space-size=16", "--max-semi-space-size=16"];
    expect(args.slice(0, 4)).toEqual([...options, "<entry>", "--config"]);
  });

  group.each(stacks)("makes a stack %s", (_name, settings, secrets) => {
    const reference = made("process", settings, secrets);
    const own = made(platform, settings, secrets);

    it("of the same services, started in the same order", () => {
      expect(Object.keys(own).length).toBeGreaterThan(5);
      expect(Object.keys(own).toSorted()).toEqual(Object.keys(reference).toSorted());
      for (const [name, { after }] of Object.entries(reference))
        expect([name, own[name]?.after]).toEqual([name, after]);
    });

    it("with the same files in the same places, each address in them that of the same service's port", () => {
      for (const [name, { files }] of Object.entries(reference)) {
        expect([name, Object.keys(own[name]?.files ?? {}).toSorted()]).toEqual([name, Object.keys(files).toSorted()]);
        for (const [path, text] of Object.entries(files))
          expect(`${name} ${path}\n${own[name]?.files[path]}`).toBe(`${name} ${path}\n${text}`);
      }
    });

    it("with the same arguments, environment and check, the addresses in them too", () => {
      for (const [name, { args, env, ready }] of Object.entries(reference)) {
        expect([name, own[name]?.args]).toEqual([name, args]);
        expect([name, own[name]?.env]).toEqual([name, env]);
        expect([name, own[name]?.ready]).toEqual([name, ready]);
      }
    });

    it("in which no address of its own leads nowhere", () => {
      const lost = Object.values(own).flatMap(({ files, args, env, ready }) =>
        [...Object.values(files), ...args, ...Object.values(env), ready].flatMap(
          (text) => text.match(/<here>:\d+/g) ?? [],
        ),
      );
      expect(lost).toEqual([]);
      const asked = Object.entries(own).flatMap(([name, { ready }]) => (ready.includes(`<${name}/`) ? [name] : []));
      expect(asked.length).toBeGreaterThan(5);
    });

    it("with the same secrets for each service", () => {
      for (const [name, each] of Object.entries(reference))
        expect([name, own[name]?.secrets]).toEqual([name, each.secrets]);
    });

    it("whose Prometheus finds every port with metrics, under the name of its instance, and every Alertmanager", () => {
      const { scrape_configs, alerting } = prometheusOf(own);
      const targetsOf = ({ static_configs = [] }: Partial<ScrapeConfig>) =>
        static_configs.flatMap(({ targets, labels }) => targets.map((target) => [target, labels?.instance]));
      const wanted = stack(settings, secrets).specs.flatMap((spec) =>
        (spec.metrics ?? []).map(({ port }) =>
          Array.from({ length: spec.replicas ?? 1 }, (_, ordinal) => [
            spec.external?.address ?? `<${spec.name}/${port} ${ordinal}>`,
            `${spec.name}-${ordinal}`,
          ]),
        ),
      );
      expect(scrape_configs.map(targetsOf)).toEqual(wanted);
      expect(alerting.alertmanagers.flatMap(targetsOf)).toHaveLength(settings.size === "large" ? 3 : 1);
    });

    it("that has rules, dashboards and data sources at all", () => {
      const paths = Object.values(own).flatMap(({ files }) => Object.keys(files));
      expect(paths.filter((path) => path.startsWith("/etc/prometheus/rules/")).length).toBeGreaterThan(3);
      expect(paths.filter((path) => path.startsWith("/var/lib/vitals/dashboards/")).length).toBeGreaterThan(1);
      if (settings.grafana !== "off") expect(paths).toContain("/etc/grafana/provisioning/datasources/vitals.yaml");
    });
  });
});
