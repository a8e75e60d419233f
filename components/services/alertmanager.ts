// Alerts on their way to people: Alertmanager groups, inhibits and posts to Slack.
import { slackTemplate } from "../../alerts/message.ts";
import { alertmanagerConfig, type RoutingOptions } from "../../alerts/routing.ts";
import type { StackConfig } from "../config.ts";
import { dir, type FileSpec, file, listen, outsideUrl, type Path, type ServiceSpec, v } from "../spec.ts";
import { versions } from "../versions.ts";

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

export const alertmanager = (config: StackConfig, files: AlertmanagerFiles): ServiceSpec => ({
  name: "alertmanager",
  kind: "stateful",
  about: `routes alerts to ${config.slackChannel}`,
  owner: "platform",
  version: versions.alertmanager.version,
  artifact: { tool: "alertmanager", image: versions.alertmanager.image },
  args: [
    v`--config.file=${file(configPath)}`,
    v`--storage.path=${dir("data")}`,
    v`--web.listen-address=${listen("web")}`,
    v`--web.external-url=${outsideUrl("alertmanager/web")}`,
    // A single one gossips with nobody.
    "--cluster.listen-address=",
    // At most this much of what was sent is forgotten by a crash; the default is 15 minutes.
    "--data.maintenance-interval=1m",
    "--log.level=warn",
  ],
  files,
  verify: [{ tool: "amtool", args: ["check-config", file(configPath)] }],
  volumes: { data: { path: "/alertmanager", size: "1GiB" } },
  ports: { web: { number: 9093, scope: "host", title: "alerts and silences" } },
  ready: { http: "web", path: "/-/ready" },
  alive: { http: "web", path: "/-/healthy" },
  metrics: [{ port: "web" }],
  resources: { cpu: 0.1, memory: "256MiB" },
});
