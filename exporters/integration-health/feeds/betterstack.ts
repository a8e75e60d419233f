// The feed kind `betterstack`: index.json of a status page of Better Stack, https://betterstack.com/docs/uptime/status-pages/subscribing-to-status-updates/subscribing-to-api
import { details, type Feed, FeedError, openJson } from "./feed.ts";

const ofState = {
  operational: "operational",
  resolved: "operational",
  degraded: "degraded",
  downtime: "major_outage",
  maintenance: "maintenance",
  not_monitored: "operational",
} as const;
const types = ["manual", "automatic", "maintenance"] as const;

/** JSON:API: the page in `data`, its resources and reports in `included`. */
export const betterstack: Feed = (text, url) => {
  const { root, unknown } = openJson(text);
  const state = root.at("data").at("attributes").at("aggregate_state");
  if (state.text() === undefined) throw new FeedError("no state");
  const included = (type: string) =>
    root
      .at("included")
      .list()
      .filter((each) => each.at("type").text() === type);
  const names = new Map(
    included("status_page_resource").map((each) => [
      each.at("id").text(),
      each.at("attributes").at("public_name").text(),
    ]),
  );
  const reports = included("status_report")
    .filter((each) => each.at("attributes").at("ends_at").text() === undefined)
    .map((each) => ({
      isMaintenance: each.at("attributes").at("report_type").word(types) === "maintenance",
      status: each.at("attributes").at("aggregate_state").status(ofState),
      ...details(each.at("attributes").at("starts_at").time(), new URL("/", url).href),
      components: each
        .at("attributes")
        .at("affected_resources")
        .list()
        .flatMap((resource) => names.get(resource.at("status_page_resource_id").text()) ?? []),
    }));
  return {
    overall: state.status(ofState),
    components: included("status_page_resource").map((each) => ({
      name: each.at("attributes").at("public_name").text() ?? "",
      status: each.at("attributes").at("status").status(ofState),
    })),
    incidents: reports.filter(({ isMaintenance }) => !isMaintenance).map(({ isMaintenance: _, ...report }) => report),
    maintenances: reports.filter(({ isMaintenance }) => isMaintenance).map(({ isMaintenance: _, ...report }) => report),
    unknown: unknown(),
  };
};
