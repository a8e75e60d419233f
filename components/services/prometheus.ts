// Metrics and rules: Prometheus scrapes every service of the stack that has metrics, itself included.
import type { StackConfig } from "../config.ts";
import {
  dir,
  discover,
  type FileSpec,
  file,
  listen,
  outsideUrl,
  type Path,
  type ServiceSpec,
  type Tree,
  v,
} from "../spec.ts";
import { milliseconds } from "../units.ts";
import { versions } from "../versions.ts";

const configPath = "/etc/prometheus/prometheus.yml";

/** `others`: every other service. `rules`: rule files by name. */
export function prometheus(
  config: StackConfig,
  others: readonly ServiceSpec[],
  rules: Readonly<Record<string, Tree>>,
): ServiceSpec {
  const spec: ServiceSpec = {
    name: "prometheus",
    kind: "stateful",
    about: "metrics and alert rules",
    owner: "platform",
    version: versions.prometheus.version,
    artifact: { tool: "prometheus", image: versions.prometheus.image },
    args: [
      v`--config.file=${file(configPath)}`,
      v`--storage.tsdb.path=${dir("data")}`,
      v`--storage.tsdb.retention.time=${config.retention}`,
      // Prometheus writes a size with 1024-based units as KB, MB, GB.
      v`--storage.tsdb.retention.size=${config.retentionSize.replace("iB", "B")}`,
      v`--web.listen-address=${listen("web")}`,
      v`--web.external-url=${outsideUrl("prometheus/web")}`,
      "--enable-feature=exemplar-storage",
      "--log.level=warn",
    ],
    verify: [{ tool: "promtool", args: ["check", "config", file(configPath)] }],
    volumes: { data: { path: "/prometheus", size: config.retentionSize } },
    ports: { web: { number: 9090, scope: "host", title: "metrics and rules" } },
    ready: { http: "web", path: "/-/ready" },
    alive: { http: "web", path: "/-/healthy" },
    metrics: [{ port: "web" }],
    needs: [{ on: "alertmanager/web", when: "started" }],
    stop: { graceSeconds: 30 },
    resources: { cpu: 0.5, memory: "2GiB" },
  };
  const ruleFiles = Object.entries(rules).map(([name, content]): readonly [Path, FileSpec] => [
    `/etc/prometheus/rules/${name}`,
    { apply: { signal: "SIGHUP" }, content: { yaml: content } },
  ]);
  return {
    ...spec,
    files: {
      [configPath]: { apply: { signal: "SIGHUP" }, content: { yaml: main(config, [...others, spec]) } },
      ...Object.fromEntries(ruleFiles),
    },
  };
}

const main = (config: StackConfig, all: readonly ServiceSpec[]): Tree => ({
  global: {
    scrape_interval: config.scrapeInterval,
    scrape_timeout: milliseconds(config.scrapeInterval) < 10_000 ? config.scrapeInterval : "10s",
    evaluation_interval: config.scrapeInterval,
    external_labels: { environment: config.environment },
  },
  rule_files: ["rules/*.yaml"],
  alerting: { alertmanagers: [{ "<<": discover("alertmanager/web") }] },
  scrape_configs: all.flatMap(scrapes),
});

const scrapes = (spec: ServiceSpec): readonly Tree[] =>
  (spec.metrics ?? []).map(({ port, path }, index) => ({
    job_name: index === 0 ? spec.name : `${spec.name}-${port}`,
    ...(path === undefined ? {} : { metrics_path: path }),
    // A person's own service may not name the type of what it sends.
    ...(spec.kind === "external" ? { fallback_scrape_protocol: "PrometheusText0.0.4" } : {}),
    // A target that lies about its size must not take Prometheus with it.
    sample_limit: 50_000,
    label_limit: 40,
    body_size_limit: "20MB",
    "<<": discover(`${spec.name}/${port}`),
  }));
