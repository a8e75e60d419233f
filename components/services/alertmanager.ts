// Alerts on their way to people: Alertmanager groups, inhibits and posts to Slack.
import type { StackConfig } from "../config.ts";
import { dir, type FileSpec, file, listen, outsideUrl, type Path, type ServiceSpec, v } from "../spec.ts";
import { versions } from "../versions.ts";

const configPath = "/etc/alertmanager/alertmanager.yml";

/** `files`: the configuration and its templates, by name. */
export const alertmanager = (
  config: StackConfig,
  files: Readonly<Record<string, FileSpec["content"]>>,
): ServiceSpec => ({
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
  files: Object.fromEntries(
    Object.entries(files).map(([name, content]): readonly [Path, FileSpec] => [
      `/etc/alertmanager/${name}`,
      { apply: { signal: "SIGHUP" }, content },
    ]),
  ),
  verify: [{ tool: "amtool", args: ["check-config", file(configPath)] }],
  volumes: { data: { path: "/alertmanager", size: "1GiB" } },
  ports: { web: { number: 9093, scope: "host", title: "alerts and silences" } },
  ready: { http: "web", path: "/-/ready" },
  alive: { http: "web", path: "/-/healthy" },
  metrics: [{ port: "web" }],
  resources: { cpu: 0.1, memory: "256MiB" },
});
