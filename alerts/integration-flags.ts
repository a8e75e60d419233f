// What the exporter flags of an integration that is not down: a key, a limit or an address of ours, its feed, and what its vendor says.
import type { Duration } from "../components/units.ts";
import type { OwnCause } from "../telemetry/catalogue/integrations.ts";
import { promql, sel } from "../telemetry/promql.ts";
import { eligibility, seenBy } from "./integrations.ts";
import { type Alert, type Given, given, type Labels } from "./rule.ts";

const seen = { ...eligibility, ...seenBy(0) };
const other = { integration: "pharmacy", ...seenBy(0) } as const;

/** Set from 1m to 7m45s in the proofs. */
const lasting = {
  for: "5m",
  keepFiringFor: "2m",
  severity: "ticket",
  instants: { before: "5m45s", fires: "6m", still: "9m45s", over: "10m" },
} as const;

export const integrationFlagAlerts: readonly Alert[] = [
  ours({
    name: "IntegrationKeyRefused",
    cause: "auth",
    summary: "The integration {{ $labels.integration }} does not accept our key.",
    action: "Compare the key with the one that the vendor shows, and set it anew.",
  }),
  ours({
    name: "IntegrationRateLimited",
    cause: "rate_limited",
    summary: "The integration {{ $labels.integration }} limits our requests.",
    action: "See who else uses the same key, and probe less often.",
  }),
  ours({
    name: "IntegrationAddressRefused",
    cause: "refused",
    summary: "The integration {{ $labels.integration }} cannot be checked: its address is not allowed.",
    action: "See where its name leads, and name that network in `allow` when it may be reached.",
  }),
  flagged({
    name: "IntegrationFeedUnreadable",
    expr: promql`${sel("integration_feed_failing")} == ${1}`,
    flag: (where, values) => given("integration_feed_failing", where, values),
    ...lasting,
    summary: "The status feed of {{ $labels.integration }} cannot be read.",
    action: "Open the feed's address in a browser: it may have moved, or have become another format.",
  }),
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

/** It comes again for five minutes; what happened once is told to nobody. */
function ours({ cause, ...own }: Words & { readonly cause: OwnCause }): Alert {
  return flagged({
    ...own,
    expr: promql`${sel("integration_own_failure", { cause })} == ${1}`,
    flag: (where, values) => given("integration_own_failure", { ...where, cause }, values),
    apart: { cause },
    quiet: given("integration_own_failure", { ...other, cause: cause === "auth" ? "refused" : "auth" }, "1x60"),
    ...lasting,
  });
}

/** What a vendor says is for those who look at a message about the integration; by itself it wakes nobody. */
function announced({ source, ...own }: Words & { readonly source: "vendor_confirmed" | "status_page_only" }): Alert {
  return flagged({
    ...own,
    expr: promql`${sel("integration_failure_source", { source })} == ${1}`,
    flag: (where, values) => given("integration_failure_source", { ...where, source }, values),
    apart: { source },
    quiet: given("integration_failure_source", { ...other, source: "ours" }, "1x60"),
    for: "1m",
    keepFiringFor: "5m",
    severity: "info",
    instants: { before: "1m45s", fires: "2m", still: "12m45s", over: "13m" },
  });
}

type Words = Pick<Alert, "name" | "summary" | "action">;

interface Flagged extends Words, Pick<Alert, "expr" | "for" | "keepFiringFor" | "severity"> {
  readonly flag: (where: typeof seen | typeof other, values: string) => Given;
  /** Labels that the flag has besides the integration's. */
  readonly apart?: Labels;
  /** A series that is set and is not meant. */
  readonly quiet?: Given;
  /** Of a flag that is set from 1m to 7m45s. */
  readonly instants: {
    readonly before: Duration;
    readonly fires: Duration;
    readonly still: Duration;
    readonly over: Duration;
  };
}

/** A flag of the exporter that stays set: it knows each integration's own rhythm, which a window here would not. */
function flagged({ flag, apart = {}, quiet, instants: { before, fires, still, over }, ...own }: Flagged): Alert {
  const labels = { ...seen, ...apart };
  return {
    ...own,
    owner: "platform",
    service: "{{ $labels.integration }}",
    panel: { dashboard: "vitals-integrations" },
    // A value that is 0 or 1 is at least 1 exactly when it is 1.
    equivalent: { [`${own.expr.text.indexOf("==")} == -> >=`]: "The flag is never more than 1." },
    proofs: [
      {
        says: "fires when the flag has been set for long enough, and resolves some time after it is no longer",
        given: [flag(seen, "0x3 1x27 0x60"), flag(other, "0x90"), ...(quiet === undefined ? [] : [quiet])],
        firing: { [before]: [], [fires]: [labels], [still]: [labels], [over]: [] },
        text: { at: fires, summary: own.summary.replace("{{ $labels.integration }}", "eligibility"), value: "1" },
      },
      { says: "is silent where nothing is watched", given: [flag(seen, "_x40")], firing: { "6m": [], "9m": [] } },
    ],
  };
}
