// Where a panel is: the same path in Grafana and in the viewer, so that an alert can point at it.
import { type Ref, v } from "../components/spec.ts";

/** A dashboard's uid from the stem of its file; the prefix keeps it apart in a Grafana that others use too. */
export const dashboardUid = (name: string): string => `vitals-${name}`;

/** The path that opens a dashboard with the time and the environment of the page that leads there. */
export const dashboardPath = (name: string): string =>
  `/d/${dashboardUid(name)}?${"$"}{__url_time_range}&${"$"}{environment:queryparam}`;

/** `dashboard/panel`, such as `overview/firing`: the stem of the dashboard's file and the panel's key. */
export type PanelRef = `${string}/${string}`;

/** A panel's number from its key alone, so that links outlive changes of the layout. */
export function panelId(key: string): number {
  let hash = 0x811c9dc5;
  for (const sign of key) hash = Math.imul(hash ^ (sign.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return 1 + (hash % 99_999);
}

/** The path that opens one panel alone. */
export function panelPath(ref: PanelRef): string {
  const slash = ref.indexOf("/");
  return `/d/${dashboardUid(ref.slice(0, slash))}?viewPanel=panel-${panelId(ref.slice(slash + 1))}`;
}

/** A column of alerts' names leads to their runbooks; `column` is its title. */
export const runbookLinks = (column: string, runbooks: Ref | undefined) =>
  runbooks === undefined
    ? {}
    : {
        links: { [column]: { title: "What to do", url: v`${runbooks}/${"$"}{__data.fields.alertname:percentencode}` } },
      };

/**
 * The path that opens the traces of one operation: Grafana's Explore with a search in Jaeger, which the viewer passes on to Jaeger.
 * `service` and `operation` are the fields of a table's row that name them.
 */
export function tracesPath(service: string, operation: string): string {
  const search = {
    refId: "A",
    datasource: { type: "jaeger", uid: "jaeger" },
    queryType: "search",
    service: "SERVICE",
    operation: "OPERATION",
  };
  const panes = { traces: { datasource: "jaeger", queries: [search], range: { from: "now-1h", to: "now" } } };
  const text = encodeURIComponent(JSON.stringify(panes))
    .replace("SERVICE", `\${__data.fields.${service}:percentencode}`)
    .replace("OPERATION", `\${__data.fields.${operation}:percentencode}`);
  return `/explore?schemaVersion=1&orgId=1&panes=${text}`;
}
