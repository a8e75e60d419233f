// Between Alertmanager and Slack's webhook: keeps every message until Slack has it. Where no webhook is called, it is not there.
import { destinationOf } from "../../alerts/receivers.ts";
import type { StackConfig } from "../config.ts";
import { dir, listenHost, listenPort, type ServiceSpec, secret, urlOf, type Value } from "../spec.ts";
import { sized } from "./sizes.ts";

const targets: Partial<
  Record<
    ReturnType<typeof destinationOf>,
    { readonly args: readonly Value[]; readonly egress: NonNullable<ServiceSpec["egress"]> }
  >
> = {
  webhook: {
    args: ["--url-file", secret("slackWebhookUrl", "path")],
    egress: [{ host: "hooks.slack.com", port: 443 }],
  },
  inbox: { args: ["--url", urlOf("demo-slack/web", "/services/vitals")], egress: [] },
};

export function slackRelay(config: StackConfig): readonly ServiceSpec[] {
  const target = targets[destinationOf(config)];
  if (target === undefined) return [];
  const { resources, storage } = sized(config, "slack-relay");
  return [
    {
      name: "slack-relay",
      kind: "stateful",
      about: "hands messages to Slack, none faster than it allows, none lost",
      owner: "platform",
      version: "0.1.0",
      artifact: { node: "relay/main.ts" },
      args: ["--queue", dir("queue"), ...target.args, "--host", listenHost("web"), "--port", listenPort("web")],
      volumes: { queue: { path: "/var/lib/slack-relay", size: storage ?? "256MiB" } },
      ports: { web: { number: 9203 } },
      ready: { http: "web", path: "/readyz" },
      alive: { http: "web", path: "/healthz" },
      metrics: [{ port: "web" }],
      egress: target.egress,
      resources,
    },
  ];
}
