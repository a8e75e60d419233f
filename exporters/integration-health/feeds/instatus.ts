// The feed kind `instatus`: summary.json of a page of Instatus, https://instatus.com/help/widgets
import { details, type Feed, FeedError, openJson, type Reader } from "./feed.ts";

const ofPage = { up: "operational", hasissues: "degraded", undermaintenance: "maintenance" } as const;
const ofImpact = {
  operational: "operational",
  degradedperformance: "degraded",
  minoroutage: "degraded",
  partialoutage: "partial_outage",
  majoroutage: "major_outage",
  undermaintenance: "maintenance",
} as const;
const stages = ["investigating", "identified", "monitoring", "resolved"] as const;
const planned = ["notstartedyet", "inprogress", "verifying", "completed"] as const;

export const instatus: Feed = (text) => {
  const { root, unknown } = openJson(text);
  if (root.at("page").at("status").text() === undefined) throw new FeedError("no status");
  const seen = (each: Reader, begins: string) => ({
    ...details(each.at(begins).time(), each.at("url").text()),
    components: each
      .at("components")
      .list()
      .flatMap((component) => component.at("name").text() ?? []),
  });
  return {
    overall: root.at("page").at("status").status(ofPage),
    components: root
      .at("components")
      .list()
      .map((each) => ({ name: each.at("name").text() ?? "", status: each.at("status").status(ofImpact) })),
    incidents: root
      .at("activeIncidents")
      .list()
      .filter((each) => each.at("status").word(stages) !== "resolved")
      .map((each) => ({ status: each.at("impact").status(ofImpact), ...seen(each, "started") })),
    maintenances: root
      .at("activeMaintenances")
      .list()
      .filter((each) => each.at("status").word(planned) === "inprogress")
      .map((each) => ({ status: "maintenance", ...seen(each, "start") })),
    unknown: unknown(),
  };
};
