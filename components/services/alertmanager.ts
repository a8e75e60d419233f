// Alerts on their way to people: Alertmanager groups, inhibits and posts to Slack.
import { slackTemplate } from "../../alerts/message.ts";
import { receiverHosts } from "../../alerts/receivers.ts";
import { alertmanagerConfig, type RoutingOptions } from "../../alerts/routing.ts";
import type { StackConfig } from "../config.ts";
import {
  dir,
  type FileSpec,
  file,
  listen,
  listenPort,
  outsideUrl,
  type Path,
  replicaAt,
  type ServiceSpec,
  self,
  type Value,
  v,
} from "../spec.ts";
import { versions } from "../versions.ts";
import { guarded, loginOf } from "./login.ts";
import { sized } from "./sizes.ts";

const configPath = "/etc/alertmanager/alertmanager.yml";

const templatePath = "/etc/alertmanager/slack.tmpl";

export type AlertmanagerFiles = Readonly<Record<Path, FileSpec>>;

/** The routes and the text of the messages. */
export const alertmanagerFiles = (
  config: StackConfig,
  options: Omit<RoutingOptions, "template">,
): AlertmanagerFiles => ({
  [configPath]: {
    apply: { signal: "SIGHUP" },
    content: { yaml: alertmanagerConfig(config, { ...options, template: file(templatePath) }) },
  },
  [templatePath]: { apply: { signal: "SIGHUP" }, content: { text: slackTemplate } },
});

/** Replicas tell each other what was sent and what is silenced, over TCP and UDP; a single one gossips with nobody. */
const gossip = (config: StackConfig, replicas: number): readonly Value[] =>
  replicas === 1
    ? ["--cluster.listen-address="]
    : [
        v`--cluster.listen-address=${listen("cluster")}`,
        v`--cluster.advertise-address=${self("ip")}:${listenPort("cluster")}`,
        `--cluster.label=${config.environment}`,
        ...Array.from(
          { length: replicas },
          (_, ordinal) => v`--cluster.peer=${replicaAt("alertmanager/cluster", ordinal)}`,
        ),
      ];

export function alertmanager(config: StackConfig, files: AlertmanagerFiles): ServiceSpec {
  const { replicas, resources, storage } = sized(config, "alertmanager");
  const sheet: ServiceSpec = {
    name: "alertmanager",
    kind: "stateful",
    about: `routes alerts to ${config.slackChannel}`,
    owner: "platform",
    version: versions.alertmanager.version,
    artifact: { tool: "alertmanager", image: versions.alertmanager.image },
    user: { uid: 65534, gid: 65534 },
    replicas,
    args: [
      v`--config.file=${file(configPath)}`,
      v`--storage.path=${dir("data")}`,
      v`--web.listen-address=${listen("web")}`,
      v`--web.external-url=${outsideUrl("alertmanager/web")}`,
      ...gossip(config, replicas),
      // At most this much of what was sent is forgotten by a crash; the default is 15 minutes.
      "--data.maintenance-interval=1m",
      // Prometheus sends what fires once a minute. Until all of it has come, a cause may be missing that would silence a symptom.
      "--dispatch.start-delay=1m",
      "--log.level=warn",
    ],
    files,
    verify: [{ tool: "amtool", args: ["check-config", file(configPath)] }],
    volumes: { data: { path: "/alertmanager", size: storage ?? "1GiB" } },
    ports: {
      web: { number: 9093, scope: "host", title: "alerts and silences" },
      ...(replicas === 1
        ? {}
        : { cluster: { number: 9094 }, "cluster-udp": { number: 9094, protocol: "udp" as const } }),
    },
    ready: { http: "web", path: "/-/ready" },
    alive: { http: "web", path: "/-/healthy" },
    // Asked to end before the delay of its start is over, it would wait for that (0.34.2), and has told nobody anything yet.
    ...(replicas === 1 ? { stop: { graceSeconds: 3 } } : {}),
    metrics: [{ port: "web" }],
    egress: receiverHosts(config),
    resources,
  };
  const status = ["amtool", "cluster", "show", v`--alertmanager.url=http://${listen("web")}`] as const;
  return guarded(sheet, loginOf(config, "alertmanager"), { ready: status, alive: status });
}
