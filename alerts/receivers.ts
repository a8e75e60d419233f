// Who is told, as Alertmanager's receivers: Slack's channels, a second way for pages, a dead man's switch.
import type { PageReceiver } from "../components/config/notifications.ts";
import type { StackConfig } from "../components/config.ts";
import { hostAndPort, type ServiceSpec, secret, type Tree, urlOf } from "../components/spec.ts";

/** Where messages go. `none`: nobody has said where; alerts are seen in Alertmanager only. */
export type Destination = "webhook" | "bot" | "inbox" | "none";

export const destinationOf = ({ secrets, demo }: StackConfig): Destination => {
  if (secrets.includes("slackBotToken")) return "bot";
  if (secrets.includes("slackWebhookUrl")) return "webhook";
  return demo ? "inbox" : "none";
};

export const nobody = "nobody";
export const pager = "pager";
export const deadMansSwitch = "dead-mans-switch";

/** The name of the receiver for a severity. */
export const slackFor = (severity: "page" | "ticket"): string => `slack-${severity}`;

export function receivers(config: StackConfig): readonly Tree[] {
  const destination = destinationOf(config);
  const heartbeat = heartbeatOf(config);
  return [
    { name: nobody },
    ...(destination === "none"
      ? []
      : (["page", "ticket"] as const).map((severity) => ({
          name: slackFor(severity),
          slack_configs: [slack(config.slackChannels[severity] ?? config.slackChannel, destination)],
        }))),
    ...(config.pageReceiver === undefined ? [] : [{ name: pager, ...second(config.pageReceiver) }]),
    ...(heartbeat === undefined
      ? []
      : [{ name: deadMansSwitch, webhook_configs: [{ ...heartbeat, ...webhook, send_resolved: false }] }]),
  ];
}

/** Where the Watchdog's heartbeat goes; undefined: nowhere. The demo's inbox is a switch, too. */
export function heartbeatOf(config: StackConfig): { readonly [key: string]: Tree } | undefined {
  if (config.deadMansSwitch !== undefined) return { url_file: secret(config.deadMansSwitch.urlSecret, "path") };
  return destinationOf(config) === "inbox" ? { url: urlOf("demo-slack/web", "/heartbeat") } : undefined;
}

/** The hosts outside that Alertmanager talks to. */
export function receiverHosts(config: StackConfig): NonNullable<ServiceSpec["egress"]> {
  const { pageReceiver, deadMansSwitch: dead } = config;
  return [
    ...(destinationOf(config) === "bot" ? [{ host: "slack.com", port: 443 }] : []),
    ...(pageReceiver?.kind === "webhook" ? [{ host: pageReceiver.host, port: pageReceiver.port }] : []),
    ...(pageReceiver?.kind === "email" ? [hostAndPort(`tcp://${pageReceiver.smarthost}`)] : []),
    ...(dead === undefined ? [] : [{ host: dead.host, port: dead.port }]),
  ];
}

/** A receiver that hangs must not hold the next message; one that fails is tried again by Alertmanager itself. */
const timeout = "10s";
const client = { follow_redirects: false } as const;

/** Alertmanager gives a message up that Slack answers with 429, and knows no limit of its own: the relay does both better. */
const viaRelay = { api_url: urlOf("slack-relay/web", "/services/vitals"), http_config: client };

const ways: Readonly<Record<Exclude<Destination, "none">, { readonly [key: string]: Tree }>> = {
  webhook: viaRelay,
  inbox: viaRelay,
  // A bot may change what it has said: a group stays one message, from its first alert to its end. Alertmanager 0.34 wants the
  // method's own URL for that, and fails to read app_token_file beside it.
  bot: {
    api_url: "https://slack.com/api/chat.postMessage",
    http_config: {
      ...client,
      authorization: { type: "Bearer", credentials_file: secret("slackBotToken", "path") },
    },
    update_message: true,
  },
};

const slack = (channel: string, destination: Exclude<Destination, "none">): Tree => ({
  ...ways[destination],
  timeout,
  channel,
  send_resolved: true,
  title: '{{ template "vitals.title" . }}',
  title_link: '{{ template "vitals.title_link" . }}',
  text: '{{ template "vitals.text" . }}',
  fallback: '{{ template "vitals.title" . }}',
  color: '{{ template "vitals.color" . }}',
  footer: "Vitals",
});

const webhook = { timeout, http_config: client } as const;

const second = (receiver: PageReceiver): { readonly [key: string]: Tree } =>
  receiver.kind === "webhook"
    ? {
        webhook_configs: [
          { url_file: secret(receiver.urlSecret, "path"), ...webhook, send_resolved: true, max_alerts: 50 },
        ],
      }
    : {
        email_configs: receiver.to.map((to) => ({
          to,
          from: receiver.from,
          smarthost: receiver.smarthost,
          ...(receiver.user === undefined ? {} : { auth_username: receiver.user }),
          ...(receiver.passwordSecret === undefined
            ? {}
            : { auth_password_file: secret(receiver.passwordSecret, "path") }),
          require_tls: receiver.requireTls,
          send_resolved: true,
          headers: { Subject: '{{ template "vitals.title" . }}' },
          html: "",
          text: '{{ template "vitals.mail" . }}',
        })),
      };
