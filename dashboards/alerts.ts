// How good the alerts are: what fires, how often each fires and for how long, and whether messages reach people.
import { agg, promql, rate, sel } from "../telemetry/promql.ts";
import { countAlerts, rulesRun, shareOfTime } from "./expressions.ts";
import { runbookLinks } from "./link.ts";
import {
  type DashboardInput,
  type DashboardLeaf,
  inOneLine,
  noneIsGood,
  query,
  type RowSpec,
  stat,
  stateTimeline,
  timeSeries,
} from "./panels.ts";
import { table } from "./table.ts";

export const alerts: DashboardLeaf = {
  name: "alerts",
  title: "Alerts",
  description: "What fires, how often and for how long each alert has fired, and whether messages reach people.",
  opensAt: "now-6h",
  toldBy: () => sel("ALERTS", { alertname: "Watchdog" }),
  rows: (input) => [now, history(input), delivery(input)],
};

const window = "$__rate_interval";
/** Those that speak to people: the one that always fires is left out. */
const told = { severity: ["page", "ticket"] } as const;
const firing = sel("ALERTS", { alertstate: "firing", ...told });
const started = sel("alert:ALERTS:started", told);
const quiet = "Nothing has fired in the time shown";
/** Begins within an hour from which on an alert flaps. */
const flaps = 3;
/** Of those that fired within the time shown, at a time at which rules were evaluated. */
const silent = promql`0 * ${agg("max", promql`count_over_time(${firing}[$__range] @ end())`, "alertname")} and on () ${rulesRun}`;
const beginsInAnHour = promql`count_over_time(${started}[1h])`;
const by = ["alertname", "service", "severity"] as const;
const mostNow = agg("sum", beginsInAnHour, ...by);

const count = (key: string, title: string, description: string, severity: "page" | "ticket") =>
  stat(key, {
    title,
    description,
    unit: "none",
    thresholds: ["green", [1, severity === "page" ? "red" : "orange"]],
    queries: [query(countAlerts(sel("ALERTS", { alertstate: "firing", severity })), "firing")],
  });

const now: RowSpec = {
  panels: inOneLine([
    count("pages", "Pages firing", "Alerts that somebody gets up for and that fire now.", "page"),
    count("tickets", "Tickets firing", "Alerts for working hours that fire now.", "ticket"),
    stat("pending", {
      title: "Pending",
      description: "Alerts whose condition holds, but not long enough yet to tell anybody.",
      unit: "none",
      thresholds: ["green", [1, "yellow"]],
      queries: [query(countAlerts(sel("ALERTS", { alertstate: "pending", ...told })), "pending")],
    }),
    stat("flapping", {
      title: "Flapping",
      description: `Alerts that began to fire at least ${flaps} times within the last hour. Their messages teach people to look away.`,
      unit: "none",
      thresholds: ["green", [1, "orange"]],
      queries: [
        query(countAlerts(promql`${agg("sum", beginsInAnHour, "alertname", "service")} >= ${flaps}`), "flapping"),
      ],
    }),
    stat("held-back", {
      title: "Silenced or inhibited",
      description: "Alerts that Alertmanager holds back: somebody silenced them, or a cause explains them.",
      unit: "none",
      thresholds: ["text"],
      queries: [query(agg("max", sel("alertmanager_alerts", { state: "suppressed" })), "held back")],
    }),
  ]),
};

const history = ({ runbooks }: DashboardInput): RowSpec => ({
  title: "History",
  panels: [
    stateTimeline("firing-by-alert", {
      title: "Firing by alert",
      description:
        "When each alert that fired within the time shown did so. A comb of short pieces is an alert that flaps.",
      unit: "none",
      height: 10,
      states: { 1: ["Firing", "red"], 0: ["Silent", "green"] },
      emptyWhenHealthy: quiet,
      queries: [query(promql`${agg("max", firing, "alertname")} or ${silent}`, "{{alertname}}")],
    }),
    timeSeries("begins", {
      title: "Begins to fire within an hour",
      description: `How often each alert began to fire within the hour before. From ${flaps} on it flaps: its limit is where the value lives, or its wait is too short.`,
      unit: "none",
      height: 10,
      thresholds: ["text", [flaps, "orange"]],
      showThresholds: true,
      emptyWhenHealthy: quiet,
      queries: [query(agg("sum", beginsInAnHour, "alertname"), "{{alertname}}")],
    }),
    table("noise", {
      ...runbookLinks("Alert", runbooks),
      title: "Noise by alert",
      description:
        "How often each alert began to fire in the time shown, the most of it within one hour, and for which share of the time it fired; what was only pending told nobody and does not count. What fires often and is never acted on needs another threshold, a longer wait, or to be gone.",
      unit: "none",
      width: 14,
      height: 10,
      emptyWhenHealthy: quiet,
      columns: [
        { label: "alertname", title: "Alert" },
        { label: "service", title: "Service" },
        { label: "severity", title: "Severity" },
      ],
      queries: [
        query(agg("sum", promql`count_over_time(${started}[$__range])`, ...by), "{{alertname}}"),
        query(agg("max", promql`max_over_time(${mostNow}[$__range:5m]) or ${mostNow}`, ...by), "{{alertname}}"),
        query(agg("max", shareOfTime(firing), ...by), "{{alertname}}"),
      ],
      values: [
        { title: "Began", decimals: 0, thresholds: ["text", [5, "orange"], [20, "red"]] },
        { title: "Most in an hour", decimals: 0, thresholds: ["text", [flaps, "orange"]] },
        { title: "Of the time", unit: "percentunit", decimals: 1, thresholds: ["text", [0.1, "orange"], [0.5, "red"]] },
      ],
      words: { Severity: { page: "red", ticket: "orange" } },
      sortBy: { column: "Began", descending: true },
    }),
    table("longest", {
      ...runbookLinks("Alert", runbooks),
      title: "Longest under way",
      description: "Since when each alert that is pending or fires has its condition. A week is a habit, not an alert.",
      unit: "none",
      width: 10,
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
            queries: [query(agg("max", sel("slack_relay_queued_messages")), "waiting")],
          }),
          timeSeries("relay-age", {
            title: "Oldest message that waits",
            description: "How long the oldest message has waited for Slack. The second receiver is told after a while.",
            unit: "s",
            width: 12,
            queries: [query(agg("max", sel("slack_relay_oldest_message_age_seconds")), "oldest")],
          }),
          timeSeries("relay-dropped", {
            title: "Messages given up",
            description:
              "Messages that Slack did not take in time, or refused for good, per second. Nobody has read them there.",
            unit: "ops",
            width: 12,
            queries: [query(agg("sum", rate("slack_relay_messages_dropped_total", window)), "given up")],
          }),
        ]
      : []),
  ],
});
