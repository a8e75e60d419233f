// What is short of an integration that is down: answers that come late or not at all, certificates that end, and we ourselves offline.

import { agg, promql, rate, sel } from "../telemetry/promql.ts";
import { eligibility, seenBy } from "./integrations.ts";
import { type Alert, counter, type Given, given, limited, metByChance, missing } from "./rule.ts";

const panel = { dashboard: "vitals-integrations" } as const;
const day = 86_400;
const seen = { ...eligibility, ...seenBy(0) };
type Where = ReturnType<typeof seenBy> & { readonly integration: string };
const other = { integration: "pharmacy", ...seenBy(0) } as const;

const expiry = sel("integration_certificate_expiry_timestamp_seconds");
const lastProbe = sel("integration_last_probe_timestamp_seconds");
const summed = (part: "sum" | "count") =>
  agg("sum", rate(`integration_response_duration_seconds_${part}`, "15m"), "integration");
const slowness = (limit: number) => promql`${summed("sum")} / ${summed("count")} > ${limit}`;

export const integrationTroubleAlerts: readonly Alert[] = [
  {
    name: "IntegrationSlow",
    measures: "Mean time",
    ...limited(2, "seconds", slowness),
    for: "5m",
    keepFiringFor: "5m",
    severity: "ticket",
    owner: "platform",
    service: "{{ $labels.integration }}",
    summary: "The integration {{ $labels.integration }} works, but its answers come late.",
    action: "See in which part the time goes, and whether what waits for it runs into its own time limits.",
    panel,
    traces: "integration-health",
    equivalent: metByChance(slowness(2).text),
    proofs: [
      {
        says: "fires five minutes after the mean of a quarter of an hour is above two seconds, and resolves when it is below",
        given: [
          ...answers(
            seen,
            counter([
              [60, 1],
              [140, 2],
            ]),
            counter([
              [60, 0.1],
              [60, 8.2],
              [80, 0.2],
            ]),
          ),
          ...answers(other, counter([[200, 1]]), counter([[200, 1.9]])),
        ],
        firing: { "24m30s": [], "24m45s": [eligibility], "42m30s": [eligibility], "42m45s": [] },
        text: {
          at: "24m45s",
          summary: "The integration eligibility works, but its answers come late.",
          value: "3.269s",
        },
      },
      {
        says: "is of all places together",
        given: [0, 1].flatMap((ordinal) => [
          ...answers({ ...eligibility, ...seenBy(ordinal) }, "0+1x80", "0+3x80"),
          ...answers({ integration: "pharmacy", ...seenBy(ordinal) }, "0+1x80", "0+1.5x80"),
        ]),
        firing: { "10m": [eligibility] },
      },
      {
        says: "is silent while no attempt succeeds",
        given: [...answers(seen, "0x80", "0x80"), missing("integration_response_duration_seconds_sum", other)],
        firing: { "10m": [], "20m": [] },
      },
    ],
  },
  {
    name: "IntegrationUnchecked",
    measures: "Since the last check",
    expr: promql`time() - ${lastProbe} > ${3} * ${sel("integration_probe_interval_seconds")} + ${60}`,
    unit: "seconds",
    for: "1m",
    keepFiringFor: "1m",
    severity: "ticket",
    owner: "platform",
    service: "{{ $labels.integration }}",
    summary: "The integration {{ $labels.integration }} is not checked any more: its last verdict is old.",
    action: "See whether its budget is spent, and what the log of integration-health says.",
    panel,
    proofs: [
      {
        says: "fires a minute after three intervals and another minute without an attempt, and resolves after the next one",
        given: [
          given("integration_last_probe_timestamp_seconds", seen, "30x31 510x40"),
          given("integration_probe_interval_seconds", seen, "30x80"),
          given("integration_last_probe_timestamp_seconds", other, "30x80"),
          given("integration_probe_interval_seconds", other, "3600x80"),
        ],
        firing: { "4m": [], "4m15s": [seen], "8m45s": [seen], "9m": [] },
        text: {
          at: "4m15s",
          summary: "The integration eligibility is not checked any more: its last verdict is old.",
          value: "3m 45s",
        },
      },
      {
        says: "is silent before the first attempt",
        given: [
          missing("integration_last_probe_timestamp_seconds", seen),
          given("integration_probe_interval_seconds", seen, "30x40"),
        ],
        firing: { "5m": [], "9m": [] },
      },
    ],
  },
  {
    name: "IntegrationCertificateExpiring",
    measures: "Time left",
    ...limited(14 * day, "seconds", (limit) => promql`${expiry} - timestamp(${expiry}) < ${limit}`),
    for: "5m",
    severity: "ticket",
    owner: "platform",
    service: "{{ $labels.integration }}",
    summary: "The certificate of the integration {{ $labels.integration }} expires within days.",
    action: "Tell the vendor, or renew it where it is ours.",
    panel,
    proofs: [
      {
        says: "fires five minutes after less than two weeks are left, and resolves when another certificate is seen",
        given: [
          given("integration_certificate_expiry_timestamp_seconds", seen, `${14 * day + 300}x47 ${90 * day}x20`),
          given("integration_certificate_expiry_timestamp_seconds", other, `${90 * day}x60`),
        ],
        firing: { "5m": [], "10m": [], "10m15s": [seen], "11m45s": [seen], "12m": [] },
        text: {
          at: "10m15s",
          summary: "The certificate of the integration eligibility expires within days.",
          value: "13d 23h 54m 45s",
        },
      },
      {
        says: "is silent where no certificate was seen",
        given: [missing("integration_certificate_expiry_timestamp_seconds", seen)],
        firing: { "6m": [], "10m": [] },
      },
    ],
  },
  {
    name: "IntegrationProberOffline",
    expr: promql`${sel("integration_prober_online")} == 0`,
    for: "2m",
    keepFiringFor: "1m",
    severity: "page",
    owner: "platform",
    service: "{{ $labels.job }}",
    summary: "We are offline: none of the anchors can be reached, and of no integration it is known how it is.",
    action: "Look at name resolution and the way out of the network that integration-health runs in.",
    panel,
    proofs: [
      {
        says: "fires two minutes after no anchor can be reached, and resolves a minute after one can",
        given: [given("integration_prober_online", seenBy(0), "1x3 0x11 1x40")],
        firing: { "2m45s": [], "3m": [seenBy(0)], "3m45s": [seenBy(0)], "4m45s": [seenBy(0)], "5m": [] },
        text: {
          at: "3m",
          summary: "We are offline: none of the anchors can be reached, and of no integration it is known how it is.",
          value: "0",
        },
      },
      {
        says: "is silent where nothing failed yet",
        given: [missing("integration_prober_online", seenBy(0))],
        firing: { "3m": [], "10m": [] },
      },
    ],
  },
];

/** Successful attempts and the seconds that they took. */
function answers(where: Where, count: string, sum: string): readonly Given[] {
  return [
    given("integration_response_duration_seconds_count", where, count),
    given("integration_response_duration_seconds_sum", where, sum),
  ];
}
