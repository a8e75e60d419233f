// The Alertmanagers among themselves: who does not hear of the others tells everything once more.
import { agg, promql, sel } from "../telemetry/promql.ts";
import { type Alert, given, missing } from "./rule.ts";

const target = (ordinal: number) => ({ job: "alertmanager", instance: `alertmanager-${ordinal}` }) as const;
const members = (ordinal: number, values: string) => given("alertmanager_cluster_members", target(ordinal), values);
const answering = (...values: readonly string[]) => [
  ...values.map((each, ordinal) => given("up", target(ordinal), each)),
  given("up", { job: "prometheus", instance: "prometheus-0" }, "1x80"),
];

export const alertmanagerAlerts: readonly Alert[] = [
  {
    name: "AlertmanagerClusterSplit",
    measures: "Members seen",
    // One that is down is told by ServiceDown, and is no member for good reason.
    expr: promql`${sel("alertmanager_cluster_members")} < on () group_left () ${agg("sum", sel("up", { job: "alertmanager" }))}`,
    for: "5m",
    keepFiringFor: "1m",
    severity: "ticket",
    owner: "platform",
    service: "{{ $labels.job }}",
    summary: "{{ $labels.instance }} does not see all the other Alertmanagers, so messages may come twice.",
    action: "See whether they reach each other on the cluster's port, by TCP and by UDP.",
    panel: { dashboard: "vitals-overview" },
    proofs: [
      {
        says: "fires after five minutes in which one sees fewer than answer, and resolves a minute after it sees all",
        given: [
          members(0, "3x3 2x24 3x40"),
          members(1, "3x80"),
          members(2, "3x80"),
          ...answering("1x80", "1x80", "1x80"),
        ],
        firing: { "5m45s": [], "6m": [target(0)], "8m": [target(0)], "8m15s": [] },
        text: {
          at: "6m",
          summary: "alertmanager-0 does not see all the other Alertmanagers, so messages may come twice.",
          value: "2",
        },
      },
      {
        says: "is silent where one is down and the others know it, and where there is one alone",
        given: [members(0, "2x80"), members(1, "2x80"), ...answering("1x80", "1x80", "0x80")],
        firing: { "6m": [], "10m": [] },
      },
      {
        says: "is silent where they are no cluster",
        given: [missing("alertmanager_cluster_members", target(0)), ...answering("1x80")],
        firing: { "6m": [], "10m": [] },
      },
    ],
  },
];
