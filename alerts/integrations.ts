// The third parties that the platform needs: one that is confirmed down.
import { agg, promql, sel } from "../telemetry/promql.ts";
import { type Alert, given, missing, sumOfFlags } from "./rule.ts";

export const seenBy = (ordinal: number) => ({ job: "integration-health", instance: `integration-health-${ordinal}` });
export const eligibility = { integration: "eligibility" } as const;

export const integrationAlerts: readonly Alert[] = [
  {
    name: "IntegrationDown",
    // The exporter has tried several times, and whether we are online, before it says 0; `max`: from every place that probes, and spared where one knows of maintenance.
    expr: promql`${agg("max", sel("integration_up"), "integration")} == 0 unless ${agg("max", sel("integration_status", { status: "maintenance" }), "integration")} > 0`,
    for: "30s",
    keepFiringFor: "2m",
    severity: "page",
    owner: "platform",
    service: "{{ $labels.integration }}",
    summary: "The integration {{ $labels.integration }} is down on its own side, confirmed by further attempts.",
    action:
      "Look at the vendor's status page and at the cause of the failed probes, then tell the clinics what does not work.",
    panel: { dashboard: "vitals-integrations" },
    traces: "integration-health",
    equivalent: { "0 max -> sum": sumOfFlags, "50 max -> sum": sumOfFlags },
    proofs: [
      {
        says: "fires thirty seconds after an integration is confirmed down, and resolves two minutes after it works again",
        given: [
          given("integration_up", { ...eligibility, ...seenBy(0) }, "1x3 0x11 1x40"),
          given("integration_up", { integration: "pharmacy", ...seenBy(0) }, "1x60"),
        ],
        firing: {
          "45s": [],
          "1m15s": [],
          "1m30s": [eligibility],
          "3m45s": [eligibility],
          "5m45s": [eligibility],
          "6m": [],
        },
        text: {
          at: "1m30s",
          summary: "The integration eligibility is down on its own side, confirmed by further attempts.",
          value: "0",
        },
      },
      {
        says: "is silent while one of two places reaches it",
        given: [
          given("integration_up", { ...eligibility, ...seenBy(0) }, "0x40"),
          given("integration_up", { ...eligibility, ...seenBy(1) }, "1x40"),
        ],
        firing: { "1m": [], "10m": [] },
      },
      {
        says: "is silent while maintenance is announced or planned, and fires thirty seconds after it is over",
        given: [
          ...[0, 1].map((ordinal) => given("integration_up", { ...eligibility, ...seenBy(ordinal) }, "0x40")),
          given("integration_status", { ...eligibility, status: "maintenance", ...seenBy(0) }, "1x19 0x20"),
          given("integration_status", { ...eligibility, status: "maintenance", ...seenBy(1) }, "0x40"),
          given("integration_status", { ...eligibility, status: "unhealthy", ...seenBy(0) }, "0x19 1x20"),
          given("integration_up", { integration: "pharmacy", ...seenBy(0) }, "0x40"),
          given("integration_status", { integration: "pharmacy", status: "unhealthy", ...seenBy(0) }, "1x40"),
          given("integration_status", { integration: "pharmacy", status: "maintenance", ...seenBy(0) }, "0x40"),
        ],
        firing: {
          "4m45s": [{ integration: "pharmacy" }],
          "5m15s": [{ integration: "pharmacy" }],
          "5m30s": [eligibility, { integration: "pharmacy" }],
        },
      },
      {
        says: "is silent before the first verdict",
        given: [missing("integration_up", eligibility)],
        firing: { "1m": [], "10m": [] },
      },
    ],
  },
];
