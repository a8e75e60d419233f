// The last step to people: messages that wait for Slack, those that it will never have, and those that have no Slack to go to.
import { agg, promql, sel } from "../telemetry/promql.ts";
import { type Alert, type Given, given, limited, missing, type Severity } from "./rule.ts";

const panel = { dashboard: "vitals-overview" } as const;
const relay = { job: "slack-relay", instance: "slack-relay-0" } as const;
const oldest = (values: string) => given("slack_relay_oldest_message_age_seconds", relay, values);
const dropped = (values: string) => given("slack_relay_messages_dropped_total", relay, values);

export const deliveryAlerts: readonly Alert[] = [
  {
    name: "SlackUndelivered",
    measures: "The oldest waits for",
    ...limited(120, "seconds", (limit) => promql`${sel("slack_relay_oldest_message_age_seconds")} > ${limit}`),
    for: "1m",
    keepFiringFor: "1m",
    severity: "page",
    owner: "platform",
    service: "{{ $labels.job }}",
    summary: "Messages to Slack wait: it has not taken any for some minutes.",
    action: "Look at the cause of the failed posts; what fires is seen in Alertmanager meanwhile.",
    panel,
    proofs: [
      {
        says: "fires a minute after a message has waited for two, and resolves a minute after Slack has all",
        given: [oldest("0x3 0+15x18 0x40")],
        firing: { "4m": [], "4m15s": [relay], "5m30s": [relay], "6m30s": [relay], "6m45s": [] },
        text: {
          at: "4m15s",
          summary: "Messages to Slack wait: it has not taken any for some minutes.",
          value: "3m 15s",
        },
      },
      {
        says: "is silent in a storm, in which the oldest message is never old",
        given: [oldest("0 15 30 15 0 120 120 120 120 120 120 15x60")],
        firing: { "4m": [], "14m": [] },
      },
      {
        says: "is silent where no relay runs",
        given: [missing("slack_relay_oldest_message_age_seconds", relay)],
        firing: { "4m": [], "9m": [] },
      },
    ],
  },
  {
    name: "SlackMessagesDropped",
    measures: "Given up in ten minutes",
    expr: promql`increase(${sel("slack_relay_messages_dropped_total")}[10m]) > ${0}`,
    unit: "count",
    for: "0s",
    keepFiringFor: "5m",
    severity: "ticket",
    owner: "platform",
    service: "{{ $labels.job }}",
    summary: "Slack called a message invalid, and it was given up.",
    action:
      "Compare what fires in Alertmanager with the channel, and look for the alert whose text Slack does not take.",
    panel,
    proofs: [
      {
        says: "fires when a message is given up, and resolves when none has been for fifteen minutes",
        given: [dropped("0x3 1x80")],
        firing: { "45s": [], "1m": [relay], "10m30s": [relay], "15m30s": [relay], "15m45s": [] },
        text: { at: "1m", summary: "Slack called a message invalid, and it was given up.", value: "1" },
      },
      {
        says: "is silent for what was given up long ago, and after a new start",
        given: [dropped("3x10 0x40")],
        firing: { "1m": [], "3m": [], "10m": [] },
      },
      {
        says: "is silent where no relay runs",
        given: [missing("slack_relay_messages_dropped_total", relay)],
        firing: { "3m": [], "9m": [] },
      },
    ],
  },
];

const untold = "SlackNotConfigured";
const fired = (alertname: string, severity: Severity, values: string): Given =>
  given("ALERTS", { alertname, severity, alertstate: "firing" }, values);

/** For a stack in which nobody has said where messages go. Tickets then reach nobody, and pages only the second receiver, as this does. */
export const slackNotConfigured: Alert = {
  name: untold,
  // Were it counted itself, it would never end.
  expr: promql`${agg("count", sel("ALERTS", { alertstate: "firing", severity: ["page", "ticket"], alertname: { not: untold } }))} > ${0}`,
  for: "0s",
  keepFiringFor: "5m",
  severity: "page",
  owner: "platform",
  service: "alertmanager",
  measures: "Untold alerts",
  summary: "Alerts fire that Slack is not told: no webhook is configured.",
  action: "Look at what fires in Alertmanager, then set vitals:slackWebhookUrl.",
  panel: { dashboard: "vitals-alerts" },
  equivalent: Object.fromEntries(
    ["93  > 0 -> nothing", "94 > -> >=", "96 0 -> -1"].map((id) => [
      id,
      "A count of nothing is no 0: it is not there.",
    ]),
  ),
  proofs: [
    {
      says: "fires with the first ticket or page, and resolves five minutes after the last",
      given: [fired("DiskFilling", "ticket", "_x3 1x11 stale"), fired("RedisDown", "page", "_x5 1x19 stale")],
      firing: { "30s": [], "45s": [{}], "2m": [{}], "6m": [{}], "11m": [{}], "11m15s": [] },
      text: { at: "2m", summary: "Alerts fire that Slack is not told: no webhook is configured.", value: "2" },
    },
    {
      says: "is silent for what is pending, and for what nobody is told anyway",
      given: [
        given("ALERTS", { alertname: "DiskFilling", severity: "ticket", alertstate: "pending" }, "1x60"),
        fired("Watchdog", "info", "1x60"),
      ],
      firing: { "1m": [], "9m": [] },
    },
    {
      says: "is silent where nothing fires",
      given: [missing("ALERTS", { alertname: "DiskFilling", severity: "ticket", alertstate: "firing" })],
      firing: { "1m": [], "9m": [] },
    },
  ],
};
