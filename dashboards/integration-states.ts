// Timelines of what each integration counted as: several flags of which one is set, shown as numbers with a word and a colour each.
import { agg, type Expr, promql, sel } from "../telemetry/promql.ts";
import { orNone } from "./expressions.ts";
import { type Colour, type Common, type PanelSpec, query, stateTimeline } from "./panels.ts";

/** What the dashboard's variable chose. */
export const chosen = { integration: { matches: "$integration" } } as const;
export const noFeed = "No vendor has a feed";

type Word<W extends string = string> = readonly [word: W, text: string, colour: Colour];

const statuses = [
  ["healthy", "Healthy", "green"],
  ["maintenance", "Maintenance", "blue"],
  ["unknown", "Unknown", "purple"],
  ["error", "Cannot be checked", "yellow"],
  ["degraded", "Degraded", "orange"],
  ["unhealthy", "Unhealthy", "red"],
] as const satisfies readonly Word[];
const sources = [
  ["status_page_only", "Only announced", "blue"],
  ["ours", "Ours", "purple"],
  ["vendor_unannounced", "Theirs, unannounced", "orange"],
  ["vendor_confirmed", "Theirs, confirmed", "red"],
] as const satisfies readonly Word[];
const vendorStatuses = [
  ["operational", "Operational", "green"],
  ["maintenance", "Maintenance", "blue"],
  ["unknown", "Unknown", "purple"],
  ["degraded", "Degraded", "yellow"],
  ["partial_outage", "Partial outage", "orange"],
  ["major_outage", "Major outage", "red"],
] as const satisfies readonly Word[];

export const status: PanelSpec = timeline(
  "status",
  {
    title: "Status",
    description: "What each integration counted as: confirmed by several attempts, with our own network in mind.",
  },
  statuses,
  (status) => sel("integration_status", { ...chosen, status }),
);

export const side: PanelSpec = timeline(
  "side",
  {
    title: "Whose side",
    description:
      "On whose side a failure was: ours is a key, a limit, an address or our network; theirs was announced or not.",
  },
  sources,
  (source) => sel("integration_failure_source", { ...chosen, source }),
);

export const announced: PanelSpec = timeline(
  "announced",
  {
    title: "Vendors' own status",
    description: "What each vendor's status feed says of the components in use. It alone never makes anything down.",
    emptyWhenHealthy: noFeed,
  },
  vendorStatuses,
  (status) => sel("integration_vendor_status", { ...chosen, status }),
);

const ownFailure = sel("integration_own_failure", chosen);
const feedFailing = sel("integration_feed_failing", chosen);
/** Flags that were set within the time shown. */
const set = promql`${agg("max", ownFailure, "integration", "cause")} and on (integration, cause) (${agg("max", promql`max_over_time(${ownFailure}[$__range] @ end())`, "integration", "cause")} == 1)`;
const feedSet = promql`${agg("max", feedFailing, "integration")} and on (integration) (${agg("max", promql`max_over_time(${feedFailing}[$__range] @ end())`, "integration")} == 1)`;

export const ownFailures: PanelSpec = stateTimeline("own-failures", {
  title: "Ours to mend",
  description:
    "What was ours to mend within the time shown: our key was refused, we asked too often, our own rules refused the address, or a vendor's feed could not be read.",
  unit: "none",
  states: { 0: ["Well", "green"], 1: ["To mend", "orange"] },
  queries: [
    query(
      orNone(
        sel("integration_probe_interval_seconds", chosen),
        promql`${set} or label_replace(${feedSet}, "cause", "feed", "", "")` as Expr<"integration" | "cause">,
        "integration",
      ),
      "{{integration}} {{cause}}",
    ),
  ],
});

/** The place of the flag that is set, counted from 1; 0 where none is. */
function timeline<W extends string>(
  key: string,
  about: Pick<Common, "title" | "description" | "emptyWhenHealthy">,
  words: readonly Word<W>[],
  flag: (word: W) => Expr,
): PanelSpec {
  const places = words.map(([word], place) => promql`${flag(word)} * ${place + 1}`);
  const set = agg(
    "max",
    places.reduce((all, one) => promql`${all} or ${one}`),
    "integration",
  );
  const states = Object.fromEntries(words.map(([, text, colour], place) => [place + 1, [text, colour] as const]));
  return stateTimeline(key, {
    ...about,
    unit: "none",
    states: { 0: ["Nothing", "green"], ...states },
    queries: [query(set, "{{integration}}")],
  });
}
