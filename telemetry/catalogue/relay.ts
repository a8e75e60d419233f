// What the Slack relay tells of the messages that it has taken, and of those that Slack would not take.
import type { Rows } from "./row.ts";

/**
 * Why a post failed, as a class. `no_webhook`: the file that has it is missing, or has no URL. `refused`: 401, 403, 404 or 410, the
 * webhook is not valid. `invalid`: this message alone.
 */
export const postFailures = [
  "rate_limited",
  "no_webhook",
  "refused",
  "server_error",
  "unreachable",
  "invalid",
] as const;
export type PostFailure = (typeof postFailures)[number];

export const relay = {
  slack_relay_messages_total: {
    kind: "counter",
    help: "Messages taken from Alertmanager, each kept on disk until Slack has it.",
    labels: {},
  },
  slack_relay_messages_dropped_total: {
    kind: "counter",
    help: "Messages given up because Slack says that they are invalid.",
    labels: {},
  },
  slack_relay_messages_refused_total: {
    kind: "counter",
    help: "Messages not taken: the queue was full, or could not be written to.",
    labels: {},
  },
  slack_relay_posts_total: {
    kind: "counter",
    help: "Posts to Slack, failed ones included; several waiting messages go in one.",
    labels: {},
  },
  slack_relay_post_failures_total: {
    kind: "counter",
    help: "Posts that Slack did not take, by cause.",
    labels: { cause: postFailures },
  },
  slack_relay_queued_messages: { kind: "gauge", help: "Messages that wait for Slack.", labels: {} },
  slack_relay_oldest_message_age_seconds: {
    kind: "gauge",
    help: "How long the message that waits longest has waited, in seconds; 0 when none waits.",
    labels: {},
  },
} as const satisfies Rows;
