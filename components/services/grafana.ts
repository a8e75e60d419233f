// Dashboards for people: Grafana, provisioned from files; nothing in it is made by hand. The viewer stands in where it cannot be had.
import type { StackConfig } from "../config.ts";
import {
  dir,
  type FileSpec,
  file,
  type Login,
  listenHost,
  listenPort,
  outsideUrl,
  type Path,
  type ServiceSpec,
  secret,
  type Tree,
  urlOf,
  type Value,
  v,
} from "../spec.ts";
import { versions } from "../versions.ts";
import { loginArgs, loginOf } from "./login.ts";
import { oidc, oidcDestinations } from "./oidc.ts";
import { sized } from "./sizes.ts";

/** People come back from a provider's page to this one: a cookie that is strict would have stayed behind. */
const sameSite = ({ grafanaOidc }: StackConfig): string => (grafanaOidc === undefined ? "strict" : "lax");

const settings = (config: StackConfig): Value => v`[server]
http_addr = ${listenHost("web")}
http_port = ${listenPort("web")}
root_url = ${outsideUrl("grafana/web")}
[paths]
data = ${dir("data")}
provisioning = ${file("/etc/grafana/provisioning")}
[security]
admin_user = admin
admin_password = $__file{${secret("grafanaAdminPassword", "path")}}
disable_gravatar = true
cookie_samesite = ${sameSite(config)}
[users]
allow_sign_up = false
${config.grafanaOidc === undefined ? "" : oidc(config.grafanaOidc)}[auth.anonymous]
enabled = false
[analytics]
reporting_enabled = false
check_for_updates = false
check_for_plugin_updates = false
[plugins]
preinstall_disabled = true
[snapshots]
external_enabled = false
[news]
news_feed_enabled = false
[metrics]
enabled = true
[log]
mode = console
level = warn
`;

const datasources = (config: StackConfig): Tree => ({
  apiVersion: 1,
  datasources: [
    {
      name: "Prometheus",
      uid: "prometheus",
      type: "prometheus",
      access: "proxy",
      url: urlOf("prometheus/web"),
      ...credentials(loginOf(config, "prometheus")),
      isDefault: true,
      jsonData: { httpMethod: "POST", exemplarTraceIdDestinations: [{ name: "trace_id", datasourceUid: "jaeger" }] },
    },
    { name: "Jaeger", uid: "jaeger", type: "jaeger", access: "proxy", url: urlOf("jaeger/web") },
    {
      name: "Alertmanager",
      uid: "alertmanager",
      type: "alertmanager",
      access: "proxy",
      url: urlOf("alertmanager/web"),
      ...credentials(loginOf(config, "alertmanager")),
      jsonData: { implementation: "prometheus" },
    },
  ],
});

const credentials = (login: Login | undefined): { readonly [key: string]: Tree } =>
  login === undefined
    ? {}
    : {
        basicAuth: true,
        basicAuthUser: login.user,
        secureJsonData: { basicAuthPassword: v`$__file{${secret(login.password, "path")}}` },
      };

const provider = (path: Path): Tree => ({
  apiVersion: 1,
  providers: [{ name: "vitals", folder: "Vitals", type: "file", allowUiUpdates: false, options: { path: file(path) } }],
});

const dashboardsPath = "/var/lib/vitals/dashboards";

/** Dashboard JSON by file name, as files that Grafana and the viewer both re-read. */
const dashboardFiles = (dashboards: Readonly<Record<string, Tree>>): readonly (readonly [Path, FileSpec])[] =>
  Object.entries(dashboards).map(([name, json]) => [
    `${dashboardsPath}/${name}`,
    { apply: "watched", content: { json } },
  ]);

export const grafana = (config: StackConfig, dashboards: Readonly<Record<string, Tree>>): ServiceSpec => ({
  name: "grafana",
  kind: "stateful",
  about: "dashboards",
  owner: "platform",
  version: versions.grafana.version,
  artifact: { tool: "grafana", image: versions.grafana.image, entry: ["grafana"] },
  user: { uid: 472, gid: 472 },
  standIn: "viewer",
  args: ["server", "--config", file("/etc/grafana/grafana.ini")],
  files: {
    "/etc/grafana/grafana.ini": { apply: "restart", content: { text: settings(config) } },
    "/etc/grafana/provisioning/datasources/vitals.yaml": { apply: "restart", content: { yaml: datasources(config) } },
    "/etc/grafana/provisioning/dashboards/vitals.yaml": {
      apply: "restart",
      content: { yaml: provider(dashboardsPath) },
    },
    ...Object.fromEntries(dashboardFiles(dashboards)),
  },
  volumes: { data: { path: "/var/lib/grafana", size: sized(config, "grafana").storage ?? "1GiB" } },
  ports: { web: { number: 3000, scope: "host", title: "dashboards", login: "people" } },
  ready: { http: "web", path: "/api/health" },
  alive: { http: "web", path: "/api/health" },
  metrics: [{ port: "web" }],
  egress: config.grafanaOidc === undefined ? [] : oidcDestinations(config.grafanaOidc),
  resources: sized(config, "grafana").resources,
});

export const viewer = (config: StackConfig, dashboards: Readonly<Record<string, Tree>>): ServiceSpec => ({
  name: "viewer",
  kind: "service",
  about: "dashboards, read-only, where Grafana cannot be had",
  owner: "platform",
  version: "0.1.0",
  artifact: { node: "dashboards/viewer/main.ts" },
  args: [
    "--host",
    listenHost("web"),
    "--port",
    listenPort("web"),
    "--dashboards",
    file(dashboardsPath),
    "--prometheus",
    urlOf("prometheus/web"),
    "--traces",
    outsideUrl("jaeger/web"),
    ...loginArgs(loginOf(config, "prometheus")),
  ],
  files: Object.fromEntries(dashboardFiles(dashboards)),
  ports: { web: { number: 3000, scope: "host", title: "dashboards" } },
  ready: { http: "web", path: "/readyz" },
  alive: { http: "web", path: "/healthz" },
  replicas: sized(config, "viewer").replicas,
  resources: sized(config, "viewer").resources,
});
