// The feed kind `statuspage`: Atlassian Statuspage's public API v2, https://support.atlassian.com/statuspage/docs/what-are-the-different-apis-under-statuspage/
import { details, type Feed, FeedError, type Incident, openJson, type Reader } from "./feed.ts";

// https://developer.statuspage.io/ names a component's status, a page's indicator and an incident's impact and status.
const ofComponent = {
  operational: "operational",
  degraded_performance: "degraded",
  partial_outage: "partial_outage",
  major_outage: "major_outage",
  under_maintenance: "maintenance",
} as const;
const ofImpact = {
  none: "operational",
  minor: "degraded",
  major: "partial_outage",
  critical: "major_outage",
  maintenance: "maintenance",
} as const;
const stages = ["investigating", "identified", "monitoring", "resolved", "postmortem"] as const;
const planned = ["scheduled", "in_progress", "verifying", "completed"] as const;

/** Reads `summary.json`. */
export const statuspage: Feed = (text, url) => {
  const { root, unknown } = openJson(text);
  if (root.at("status").at("indicator").text() === undefined) throw new FeedError("no indicator");
  // `started_at` may be set back to when it began; what we are told of is what was written down.
  const incident = (each: Reader): Incident => ({
    status: each.at("impact").status(ofImpact),
    ...details(each.at("created_at").time() ?? each.at("started_at").time(), linkTo(each.at("id").text(), url)),
    components: each
      .at("components")
      .list()
      .flatMap((component) => component.at("name").text() ?? []),
  });
  return {
    overall: root.at("status").at("indicator").status(ofImpact),
    // A group only repeats what its members say.
    components: root
      .at("components")
      .list()
      .filter((each) => each.at("group").value !== true)
      .map((each) => ({ name: each.at("name").text() ?? "", status: each.at("status").status(ofComponent) })),
    // What a new word calls an incident, it is still listed.
    incidents: root
      .at("incidents")
      .list()
      .filter((each) => !["resolved", "postmortem"].includes(each.at("status").word(stages) ?? ""))
      .map(incident),
    maintenances: root
      .at("scheduled_maintenances")
      .list()
      .filter((each) => ["in_progress", "verifying"].includes(each.at("status").word(planned) ?? ""))
      .map((each) => ({ ...incident(each), status: "maintenance" })),
    unknown: unknown(),
  };
};

/** A page has its incidents below /incidents; the short links that the API gives are of another origin. */
const linkTo = (id: string | undefined, url: string): string | undefined =>
  id !== undefined && /^[a-z0-9]{1,40}$/i.test(id) ? new URL(`/incidents/${id}`, url).href : undefined;
