// The final map over all alerts: what every rule carries and no alert writes itself.
import { outsideUrl, type Ref, type Tree, type Value, v } from "../components/spec.ts";
import { type Alert, type Labels, staticLabels } from "./rule.ts";

export interface Links {
  /** The URL under which the runbook pages are served; without it the message names the page in the repository. */
  readonly runbooks?: Ref;
}

export interface Finished {
  readonly alert: Alert;
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, Value>>;
}

export const runbookPage = (name: string): string => `docs/runbooks/${name}.md`;

export const dashboardPath = ({ dashboard, id }: Alert["panel"]): string =>
  `/d/${dashboard}${id === undefined ? "" : `?viewPanel=panel-${id}`}`;

export const finish = (alert: Alert, links: Links): Finished => ({
  alert,
  labels: staticLabels(alert),
  annotations: {
    summary: alert.summary,
    action: alert.action,
    // Not a label: a value that changes would make a new alert of it each time.
    value: "{{ $value | humanize }}",
    runbook_url: links.runbooks === undefined ? runbookPage(alert.name) : v`${links.runbooks}/${alert.name}`,
    dashboard_url: outsideUrl("grafana/web", dashboardPath(alert.panel)),
  },
});

export const toRule = ({ alert, labels, annotations }: Finished): Tree => ({
  alert: alert.name,
  expr: alert.expr.text,
  for: alert.for,
  ...(alert.keepFiringFor === undefined ? {} : { keep_firing_for: alert.keepFiringFor }),
  labels: { ...labels },
  annotations: { ...annotations },
});
