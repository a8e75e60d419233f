// What is short of an integration that is down: what is ours to mend, certificates that end, and what vendors say.
import type { FeedCause, ProbeCause } from "../telemetry/catalogue/integrations.ts";
import { type Expr, promql, sel } from "../telemetry/promql.ts";
import { type Alert, type Given, given, limited, missing } from "./rule.ts";

const panel = { dashboard: "vitals-integrations" } as const;
const day = 86_400;
const seenBy = (ordinal: number) => ({ job: "integration-health", instance: `integration-health-${ordinal}` });
const eligibility = { integration: "eligibility" } as const;
const seen = { ...eligibility, ...seenBy(0) };
const other = { integration: "pharmacy", ...seenBy(0) } as const;

/** Flags are 0 or 1. */
const atLeast = (expr: Expr) => ({
  [`${expr.text.indexOf("==")} == -> >=`]: "A value that is 0 or 1 is at least 1 exactly when it is 1.",
});

const expiry = sel("integration_certificate_expiry_timestamp_seconds");

export const integrationTroubleAlerts: readonly Alert[] = [
  recurring({
    name: "IntegrationKeyRefused",
    failures: (cause: ProbeCause, where, values) =>
      given("integration_probe_failures_total", { ...where, cause }, values),
    expr: promql`increase(${sel("integration_probe_failures_total", { cause: "auth" })}[4m]) > ${0}`,
    causes: ["auth", "timeout"],
    summary: "The integration {{ $labels.integration }} does not accept our key.",
    action: "Compare the key with the one that the vendor shows, and set it anew.",
  }),
  recurring({
    name: "IntegrationRateLimited",
    failures: (cause: ProbeCause, where, values) =>
      given("integration_probe_failures_total", { ...where, cause }, values),
    expr: promql`increase(${sel("integration_probe_failures_total", { cause: "rate_limited" })}[4m]) > ${0}`,
    causes: ["rate_limited", "timeout"],
    summary: "The integration {{ $labels.integration }} limits our requests.",
    action: "See who else uses the same key, and probe less often.",
  }),
  recurring({
    name: "IntegrationFeedUnreadable",
    failures: (cause: FeedCause, where, values) =>
      given("integration_feed_failures_total", { ...where, cause }, values),
    expr: promql`increase(${sel("integration_feed_failures_total")}[4m]) > ${0}`,
    causes: ["format"],
    summary: "The status feed of {{ $labels.integration }} cannot be read.",
    action: "Open the feed's address in a browser: it may have moved, or have become another format.",
  }),
  {
    name: "IntegrationCertificateExpiring",
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
  announced({
    name: "IntegrationVendorConfirmed",
    source: "vendor_confirmed",
    summary: "The vendor of {{ $labels.integration }} confirms the outage.",
    action: "Follow the vendor's report, linked on the status page of integration-health.",
  }),
  announced({
    name: "IntegrationOnlyAnnounced",
    source: "status_page_only",
    summary: "The vendor of {{ $labels.integration }} announces trouble that our probes do not see.",
    action: "Ask the clinics whether they notice anything.",
  }),
];

/** Failures that come again for five minutes; of a single one nothing is told. */
function recurring<C extends string>({
  failures,
  causes: [cause, another],
  ...own
}: Pick<Alert, "name" | "expr" | "summary" | "action"> & {
  readonly causes: readonly [cause: C, another?: C];
  readonly failures: (cause: C, where: typeof seen | typeof other, values: string) => Given;
}): Alert {
  const labels = { ...seen, cause };
  return {
    ...own,
    for: "5m",
    keepFiringFor: "2m",
    severity: "ticket",
    owner: "platform",
    service: "{{ $labels.integration }}",
    panel,
    proofs: [
      {
        says: "fires when it has failed so for five minutes, and resolves six minutes after the last time",
        // By halves, so that a limit of one failure would be another one.
        given: [failures(cause, seen, "0x3 0+0.5x40 20x60"), failures(cause, other, "7x100")],
        firing: { "6m": [], "6m15s": [labels], "11m": [labels], "16m30s": [labels], "16m45s": [] },
        text: { at: "6m15s", summary: own.summary.replace("{{ $labels.integration }}", "eligibility"), value: "8" },
      },
      {
        says:
          another === undefined ? "is silent for a failure alone" : "is silent for a failure alone, and for other ones",
        given: [
          failures(cause, seen, "0x3 1x60"),
          ...(another === undefined ? [] : [failures(another, other, "0+1x60")]),
        ],
        firing: { "3m": [], "6m": [], "10m": [] },
      },
      {
        says: "is silent where nothing is watched",
        given: [failures(cause, seen, "_x40")],
        firing: { "6m": [], "9m": [] },
      },
    ],
  };
}

/** What a vendor says is for those who look at a message about the integration; by itself it wakes nobody. */
function announced({
  source,
  ...own
}: Pick<Alert, "name" | "summary" | "action"> & { readonly source: "vendor_confirmed" | "status_page_only" }): Alert {
  const expr = promql`${sel("integration_failure_source", { source })} == ${1}`;
  const labels = { ...seen, source };
  const said = (values: string) => given("integration_failure_source", labels, values);
  return {
    ...own,
    expr,
    for: "1m",
    keepFiringFor: "5m",
    severity: "info",
    owner: "platform",
    service: "{{ $labels.integration }}",
    panel,
    equivalent: atLeast(expr),
    proofs: [
      {
        says: "fires a minute after the vendor says so, and resolves five minutes after it no longer does",
        given: [said("0x3 1x11 0x40"), given("integration_failure_source", { ...other, source: "ours" }, "1x60")],
        firing: { "1m45s": [], "2m": [labels], "8m45s": [labels], "9m": [] },
        text: { at: "2m", summary: own.summary.replace("{{ $labels.integration }}", "eligibility"), value: "1" },
      },
      { says: "is silent without a feed", given: [said("_x40")], firing: { "2m": [], "9m": [] } },
    ],
  };
}
