// How good the alerts are: what fires, how often each fires and for how long, and whether messages reach people.
import { agg, promql, rate, sel } from "../telemetry/promql.ts";
import { runbookLinks } from "./link.ts";
import {
  type DashboardInput,
  type DashboardLeaf,
  noneIsGood,
  query,
  type RowSpec,
  stat,
  timeSeries,
} from "./panels.ts";
import { table } from "./table.ts";

export const alerts: DashboardLeaf = {
  name: "alerts",
  title: "Alerts",
  description: "What fires, how often and for how long each alert has fired, and whether messages reach people.",
  opensAt: "now-6h",
  rows: (input) => [now, history(input), delivery(input)],
};

const window = "$__rate_interval";
/** Those that speak to people: the one that always fires is left out. */
const told = { severity: ["page", "ticket"] } as const;
const firing = sel("ALERTS", { alertstate: "firing", ...told });
const quiet = "Nothing has fired in the time shown";

const count = (key: string, title: string, description: string, severity: "page" | "ticket") =>
  stat(key, {
    title,
    description,
    unit: "none",
    width: 6,
    thresholds: ["green", [1, severity === "page" ? "red" : "orange"]],
    queries: [query(promql`${agg("count", sel("ALERTS", { alertstate: "firing", severity }))} or vector(0)`, "firing")],
  });

const now: RowSpec = {
  panels: [
    count("pages", "Pages firing", "Alerts that somebody gets up for and that fire now.", "page"),
    count("tickets", "Tickets firing", "Alerts for working hours that fire now.", "ticket"),
    stat("pending", {
      title: "Pending",
      description: "Alerts whose condition holds, but not long enough yet to tell anybody.",
      unit: "none",
      width: 6,
      thresholds: ["green", [1, "yellow"]],
      queries: [
        query(promql`${agg("count", sel("ALERTS", { alertstate: "pending", ...told }))} or vector(0)`, "pending"),
      ],
    }),
    stat("held-back", {
      title: "Silenced or inhibited",
      description: "Alerts that Alertmanager holds back: somebody silenced them, or a cause explains them.",
      unit: "none",
      width: 6,
      thresholds: ["text"],
      queries: [query(agg("max", sel("alertmanager_alerts", { state: "suppressed" })), "held back")],
    }),
  ],
};

const history = ({ runbooks }: DashboardInput): RowSpec => ({
  title: "History",
  panels: [
    timeSeries("firing-by-alert", {
      title: "Firing by alert",
      description: "How many of each alert fired at a time. A comb of short spikes is an alert that flaps.",
      unit: "none",
      width: 24,
      stacked: true,
      emptyWhenHealthy: quiet,
      queries: [query(agg("count", firing, "alertname"), "{{alertname}}")],
    }),
    table("noise", {
      ...runbookLinks("Alert", runbooks),
      title: "Noise by alert",
      description:
        "How often the condition of each alert became true in the time shown. What begins often and is never acted on needs another threshold, a longer wait, or to be gone.",
      unit: "none",
      height: 10,
      emptyWhenHealthy: quiet,
      columns: [
        { label: "alertname", title: "Alert" },
        { label: "service", title: "Service" },
        { label: "severity", title: "Severity" },
      ],
      queries: [
        query(
          agg(
            "sum",
            promql`changes(${sel("ALERTS_FOR_STATE", told)}[$__range]) + 1`,
            "alertname",
            "service",
            "severity",
          ),
          "{{alertname}}",
        ),
      ],
      values: [{ title: "Began", thresholds: ["text", [5, "orange"], [20, "red"]] }],
      words: { Severity: { page: "red", ticket: "orange" } },
      sortBy: { column: "Began", descending: true },
    }),
    table("longest", {
      ...runbookLinks("Alert", runbooks),
      title: "Longest under way",
      description: "Since when each alert that is pending or fires has its condition. A week is a habit, not an alert.",
      unit: "none",
      height: 10,
      emptyWhenHealthy: "No alert is pending or firing",
      columns: [
        { label: "alertname", title: "Alert" },
        { label: "service", title: "Service" },
        { label: "owner", title: "Owner" },
      ],
      queries: [
        query(
          promql`time() - ${agg("min", sel("ALERTS_FOR_STATE", told), "alertname", "service", "owner")}`,
          "{{alertname}}",
        ),
      ],
      values: [{ title: "For", unit: "dtdurations", thresholds: ["text", [86_400, "orange"], [604_800, "red"]] }],
      sortBy: { column: "For", descending: true },
    }),
  ],
});

/** Those that ours take, of the many that Alertmanager knows and counts. */
const ways = { integration: ["email", "slack", "webhook"] } as const;

/** A bot's messages, and none at all, do not go through the relay. */
const delivery = ({ services }: DashboardInput): RowSpec => ({
  title: "On their way to people",
  panels: [
    timeSeries("notifications", {
      title: "Messages handed on",
      description: "Messages that Alertmanager sends per second, by the way they take.",
      unit: "ops",
      width: 8,
      queries: [
        query(agg("sum", rate("alertmanager_notifications_total", window, ways), "integration"), "{{integration}}"),
      ],
    }),
    timeSeries("notifications-failed", {
      title: "Attempts that failed",
      description:
        "Attempts of Alertmanager that failed per second. Anything but zero means that somebody may not know.",
      unit: "ops",
      width: 8,
      thresholds: noneIsGood,
      queries: [
        query(
          agg("sum", rate("alertmanager_notifications_failed_total", window, ways), "integration"),
          "{{integration}}",
        ),
      ],
    }),
    ...(services.some(({ name }) => name === "slack-relay")
      ? [
          timeSeries("relay", {
            title: "Waiting for Slack",
            description: "Messages that the relay keeps because Slack has not taken them yet.",
            unit: "none",
            width: 8,
            queries: [query(agg("max", sel("slack_relay_queued_messages"), "instance"), "{{instance}}")],
          }),
          timeSeries("relay-age", {
            title: "Oldest message that waits",
            description: "How long the oldest message has waited for Slack. The second receiver is told after a while.",
            unit: "s",
            width: 12,
            queries: [query(agg("max", sel("slack_relay_oldest_message_age_seconds"), "instance"), "{{instance}}")],
          }),
          timeSeries("relay-dropped", {
            title: "Messages given up",
            description:
              "Messages that Slack did not take in time, or refused for good, per second. Nobody has read them there.",
            unit: "ops",
            width: 12,
            queries: [
              query(agg("sum", rate("slack_relay_messages_dropped_total", window), "instance"), "{{instance}}"),
            ],
          }),
        ]
      : []),
  ],
});
