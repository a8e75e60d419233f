// Metrics and rules: Prometheus scrapes every service of the stack that has metrics, itself included.
import { labelsTold } from "../../alerts/labels.ts";
import type { StackConfig } from "../config.ts";
import {
  dir,
  discover,
  type FileSpec,
  file,
  hostAndPort,
  listen,
  outsideUrl,
  type Path,
  type ServiceSpec,
  secret,
  self,
  type Tree,
  v,
} from "../spec.ts";
import { bytes, milliseconds } from "../units.ts";
import { versions } from "../versions.ts";
import { basicAuth, guarded, loginOf } from "./login.ts";
import { mebibytes, sized } from "./sizes.ts";

const configPath = "/etc/prometheus/prometheus.yml";
const replicaVariable = "VITALS_REPLICA";

/** `others`: every other service. `rules`: rule files by name. */
export function prometheus(
  config: StackConfig,
  others: readonly ServiceSpec[],
  rules: Readonly<Record<string, Tree>>,
): ServiceSpec {
  const { replicas, resources } = sized(config, "prometheus");
  const sheet: ServiceSpec = {
    name: "prometheus",
    kind: "stateful",
    about: "metrics and alert rules",
    owner: "platform",
    version: versions.prometheus.version,
    artifact: { tool: "prometheus", image: versions.prometheus.image },
    user: { uid: 65534, gid: 65534 },
    replicas,
    ...(replicas === 1 ? {} : { env: { [replicaVariable]: self("name") } }),
    args: [
      v`--config.file=${file(configPath)}`,
      v`--storage.tsdb.path=${dir("data")}`,
      v`--storage.tsdb.retention.time=${config.retention}`,
      // Prometheus writes a size with 1024-based units as KB, MB, GB.
      v`--storage.tsdb.retention.size=${config.retentionSize.replace("iB", "B")}`,
      v`--web.listen-address=${listen("web")}`,
      v`--web.external-url=${outsideUrl("prometheus/web")}`,
      "--enable-feature=exemplar-storage",
      // What backups ask for a snapshot; it can delete, too. And where they tell that they are whole.
      ...(config.backup === undefined ? [] : ["--web.enable-admin-api", "--web.enable-otlp-receiver"]),
      "--log.level=warn",
    ],
    verify: [{ tool: "promtool", args: ["check", "config", file(configPath)] }],
    volumes: { data: { path: "/prometheus", size: mebibytes(1.25 * bytes(config.retentionSize)) } },
    ports: { web: { number: 9090, scope: "host", title: "metrics and rules" } },
    ready: { http: "web", path: "/-/ready" },
    alive: { http: "web", path: "/-/healthy" },
    metrics: [{ port: "web" }],
    needs: [{ on: "alertmanager/web", when: "started" }],
    stop: { graceSeconds: 30 },
    egress: config.remoteWrite.map(({ url }) => hostAndPort(url)),
    resources,
  };
  const url = v`--url=http://${listen("web")}`;
  const spec = guarded(sheet, loginOf(config, "prometheus"), {
    ready: ["promtool", "check", "ready", url],
    alive: ["promtool", "check", "healthy", url],
  });
  const ruleFiles = Object.entries(rules).map(([name, content]): readonly [Path, FileSpec] => [
    `/etc/prometheus/rules/${name}`,
    { apply: { signal: "SIGHUP" }, content: { yaml: content } },
  ]);
  return {
    ...spec,
    files: {
      ...spec.files,
      [configPath]: { apply: { signal: "SIGHUP" }, content: { yaml: main(config, [...others, spec], replicas) } },
      ...Object.fromEntries(ruleFiles),
    },
  };
}

const main = (config: StackConfig, all: readonly ServiceSpec[], replicas: number): Tree => ({
  global: {
    scrape_interval: config.scrapeInterval,
    scrape_timeout: milliseconds(config.scrapeInterval) < 10_000 ? config.scrapeInterval : "10s",
    evaluation_interval: config.scrapeInterval,
    // Prometheus itself fills the variable in: the file is the same for all replicas.
    external_labels: {
      environment: config.environment,
      ...(replicas === 1 ? {} : { replica: `\${${replicaVariable}}` }),
    },
  },
  rule_files: ["rules/*.yaml"],
  alerting: {
    // Without the replica too: two tell the same alerts, and told apart by a label, each would be sent twice.
    alert_relabel_configs: [{ action: "labelkeep", regex: labelsTold(config).join("|") }],
    alertmanagers: [{ ...basicAuth(loginOf(config, "alertmanager")), "<<": discover("alertmanager/web") }],
  },
  ...(config.remoteWrite.length === 0 ? {} : { remote_write: config.remoteWrite.map(remoteWrite) }),
  scrape_configs: all.flatMap(scrapes),
});

const remoteWrite = ({
  name,
  url,
  username,
  passwordSecret,
  tokenSecret,
}: StackConfig["remoteWrite"][number]): Tree => ({
  name,
  url,
  ...(username === undefined || passwordSecret === undefined
    ? {}
    : { basic_auth: { username, password_file: secret(passwordSecret, "path") } }),
  ...(tokenSecret === undefined ? {} : { authorization: { credentials_file: secret(tokenSecret, "path") } }),
});

/** Who may call themselves what they like is bounded in number and in the length of names too. */
const unknownPods: { readonly [key: string]: Tree } = {
  target_limit: 1_000,
  label_name_length_limit: 200,
  label_value_length_limit: 1_000,
  keep_dropped_targets: 100,
};

const scrapes = (spec: ServiceSpec): readonly Tree[] =>
  (spec.metrics ?? []).map(({ port, path, login, sampleLimit = 50_000 }, index) => ({
    job_name: index === 0 ? spec.name : `${spec.name}-${port}`,
    ...(path === undefined ? {} : { metrics_path: path }),
    ...basicAuth(login),
    // A person's own service may not name the type of what it sends.
    ...(spec.kind === "external" ? { fallback_scrape_protocol: "PrometheusText0.0.4" } : {}),
    // A target that lies about its size must not take Prometheus with it.
    sample_limit: sampleLimit,
    label_limit: 40,
    body_size_limit: "20MB",
    ...(spec.pods === undefined ? {} : unknownPods),
    "<<": discover(`${spec.name}/${port}`),
  }));
