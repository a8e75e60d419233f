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

const { ingress: _, ...everything } = most;
const { ingress: __, ...storesElsewhere } = elsewhere;
const stacks: readonly (readonly [string, Settings, readonly string[]])[] = [
  ["small", least, []],
  ["large", { ...least, size: "large" }, []],
  ["with everything", everything, mostSecrets],
  ["with stores elsewhere", storesElsewhere, elsewhereSecrets],
  ["with the demo", { ...least, demo: true }, []],
  ["without Grafana", { ...least, grafana: "off" }, []],
  ["with traces in memory", { ...least, jaegerStorage: "memory" }, []],
];

const made = (platform: string, settings: Settings, secrets: readonly string[]): Services => {
  const config = configFor(settings, secrets);
  const stack = describe(config, {
    services: [],
    has: (tool) => !(tool === "grafana" && config.grafana === "off"),
  });
  return platforms[platform]?.(config, stack) ?? {};
};

/** Where targets come from is the platform's business; everything else of a scrape is not. */
const withoutDiscovery = (text: string): unknown =>
  JSON.parse(
    JSON.stringify(parse(text), (key, value) =>
      ["static_configs", "kubernetes_sd_configs", "relabel_configs"].includes(key) ? undefined : value,
    ),
  );

interface ScrapeConfig {
  readonly job_name: string;
  readonly static_configs?: readonly {
    readonly targets: readonly string[];
    readonly labels?: { readonly instance?: string };
  }[];
  readonly kubernetes_sd_configs?: readonly unknown[];
  readonly relabel_configs?: readonly { readonly target_label?: string }[];
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

group.each(Object.keys(platforms).filter((name) => name !== "process"))("the platform %s", (platform) => {
  group.each(stacks)("makes a stack %s", (_name, settings, secrets) => {
    const reference = made("process", settings, secrets);
    const own = made(platform, settings, secrets);

    it("of the same services, started in the same order", () => {
      expect(Object.keys(own).length).toBeGreaterThan(5);
      expect(Object.keys(own).toSorted()).toEqual(Object.keys(reference).toSorted());
      for (const [name, { after }] of Object.entries(reference))
        expect([name, own[name]?.after]).toEqual([name, after]);
    });

    it("with the same files in the same places, but for the addresses in them", () => {
      for (const [name, { files }] of Object.entries(reference)) {
        expect([name, Object.keys(own[name]?.files ?? {}).toSorted()]).toEqual([name, Object.keys(files).toSorted()]);
        for (const [path, text] of Object.entries(files)) {
          const other = own[name]?.files[path] ?? "";
          if (path === "/etc/prometheus/prometheus.yml")
            expect(withoutDiscovery(other)).toEqual(withoutDiscovery(text));
          else expect(`${name} ${path}\n${other}`).toBe(`${name} ${path}\n${text}`);
        }
      }
    });

    it("with the same arguments, but for the addresses in them", () => {
      for (const [name, { args }] of Object.entries(reference)) expect([name, own[name]?.args]).toEqual([name, args]);
    });

    it("with the same secrets for each service", () => {
      for (const [name, each] of Object.entries(reference))
        expect([name, own[name]?.secrets]).toEqual([name, each.secrets]);
    });

    it("that scrapes the same jobs, each target under the name of its instance", () => {
      const jobs = prometheusOf(own).scrape_configs;
      expect(jobs.map(({ job_name }) => job_name)).toEqual(
        prometheusOf(reference).scrape_configs.map(({ job_name }) => job_name),
      );
      for (const { job_name, static_configs, kubernetes_sd_configs, relabel_configs = [] } of jobs) {
        expect([job_name, (static_configs?.length ?? 0) + (kubernetes_sd_configs?.length ?? 0) > 0]).toEqual([
          job_name,
          true,
        ]);
        for (const { labels } of static_configs ?? []) expect(labels?.instance).toMatch(/^[a-z][a-z0-9-]*-\d+$/);
        if (kubernetes_sd_configs !== undefined)
          expect(relabel_configs.map(({ target_label }) => target_label)).toContain("instance");
      }
    });

    it("that tells alerts to the same Alertmanagers", () => {
      const targets = (services: Services) =>
        prometheusOf(services).alerting.alertmanagers.flatMap(({ static_configs = [] }) =>
          static_configs.flatMap((each) => each.targets),
        );
      expect(targets(own)).toEqual(targets(reference));
      expect(targets(own)).toHaveLength(settings.size === "large" ? 3 : 1);
    });

    it("that has rules, dashboards and data sources at all", () => {
      const paths = Object.values(own).flatMap(({ files }) => Object.keys(files));
      expect(paths.filter((path) => path.startsWith("/etc/prometheus/rules/")).length).toBeGreaterThan(3);
      expect(paths.filter((path) => path.startsWith("/var/lib/vitals/dashboards/")).length).toBeGreaterThan(1);
      if (settings.grafana !== "off") expect(paths).toContain("/etc/grafana/provisioning/datasources/vitals.yaml");
    });
  });
});
