// The feed kind `google`: incidents.json of Google Cloud and Google Workspace, https://status.cloud.google.com/incidents.schema.json
import { details, type Feed, FeedError, openJson, worstOf } from "./feed.ts";

const ofImpact = {
  service_information: "operational",
  service_disruption: "partial_outage",
  service_outage: "major_outage",
} as const;

/** A list of incidents, past ones too; one without an end is open. Products stand for components. */
export const google: Feed = (text, url) => {
  const { root, unknown } = openJson(text);
  if (!Array.isArray(root.value)) throw new FeedError("no list");
  const incidents = root
    .list()
    .filter((each) => each.at("end").text() === undefined)
    .map((each) => ({
      status: each.at("status_impact").status(ofImpact),
      ...details(each.at("created").time() ?? each.at("begin").time(), linkTo(each.at("uri").text(), url)),
      components: [
        ...each
          .at("affected_products")
          .list()
          .flatMap((product) => product.at("title").text() ?? []),
        ...(each.at("service_name").text() === undefined ? [] : [each.at("service_name").text() ?? ""]),
      ],
    }));
  return {
    overall: worstOf(incidents.map(({ status }) => status)),
    incidents,
    maintenances: [],
    unknown: unknown(),
  };
};

const linkTo = (uri: string | undefined, url: string): string | undefined =>
  uri !== undefined && URL.canParse(uri, url) ? new URL(uri, url).href : undefined;
