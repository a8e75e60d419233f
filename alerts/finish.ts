// The final map over all alerts: what every rule carries and no alert writes itself.

import { stackError } from "../components/errors.ts";
import { outsideUrl, type Ref, type Tree, type Value, v } from "../components/spec.ts";
import { toldLabels } from "../telemetry/redact.ts";
import { conditionOf, flagOf, isConstant } from "./condition.ts";
import { type Alert, type Labels, staticLabels, type Unit } from "./rule.ts";

export interface Links {
  /** The URL under which the runbook pages are served; without it the message names the page in the repository. */
  readonly runbooks?: Ref;
  /** Expression and preferred dashboard -> the path to the panel that shows it; without it the message leads to the dashboard. */
  readonly panelFor?: (expression: string, preferred: string) => string;
  /** The service that people's requests come to: what fails shows in its traces, whatever is ill. */
  readonly front?: string;
}

export interface Finished {
  readonly alert: Alert;
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, Value>>;
}

export const runbookPage = (name: string): string => `docs/runbooks/${name}.md`;

export const dashboardPath = ({ dashboard, id }: Alert["panel"]): string =>
  `/d/${dashboard}${id === undefined ? "" : `?viewPanel=panel-${id}`}`;

const pathTo = ({ panel, expr }: Alert, { panelFor }: Links): string =>
  panelFor === undefined || panel.id !== undefined ? dashboardPath(panel) : panelFor(expr.text, panel.dashboard);

const named: ReadonlySet<string> = new Set(toldLabels);

/** A text that names a label which people are not told. */
function refuseLabels({ name, summary, action }: Alert): void {
  const labels = [...`${summary} ${action}`.matchAll(/\$labels\.(\w+)/g)].map(([, label = ""]) => label);
  const [stranger] = labels.filter((label) => !named.has(label));
  if (stranger !== undefined)
    throw stackError(
      `alert ${name}`,
      `its text names the label ${stranger}`,
      "Name another, or list it in telemetry/redact.ts if its values are never about a person.",
    );
}

export const finish = (alert: Alert, links: Links): Finished => {
  refuseLabels(alert);
  return finished(alert, links);
};

const finished = (alert: Alert, links: Links): Finished => ({
  alert,
  labels: staticLabels(alert),
  annotations: {
    summary: alert.summary,
    action: alert.action,
    ...readingOf(alert),
    runbook_url: links.runbooks === undefined ? runbookPage(alert.name) : v`${links.runbooks}/${alert.name}`,
    dashboard_url: outsideUrl("grafana/web", pathTo(alert, links)),
    ...tracesOf(alert, links),
  },
});

/**
 * `value` and `threshold`, and what a person reads of them. Not labels: a value that changes would make a new alert of it each time.
 * What is always the same is left out, and of a flag it is said which it is.
 */
function readingOf({ expr: { text }, unit = "number", measures = "Value" }: Alert): Readonly<Record<string, string>> {
  if (isConstant(text)) return {};
  const value = `{{ $value | ${shownBy[unit].template} }}`;
  const threshold = conditionOf(text, (each) => inUnit(each, unit));
  const flag = flagOf(text);
  const words = `${measures}: ${value}${threshold === undefined ? "" : ` (fires ${threshold})`}`;
  return {
    value,
    ...(threshold === undefined ? {} : { threshold }),
    reading: flag === undefined ? words : `\`${flag}\` is ${value}`,
  };
}

/** A search in Jaeger: of what is ill where that makes traces, else of the requests that failed meanwhile. */
function tracesOf({ traces }: Alert, { front }: Links): { readonly traces_url?: Value } {
  const service = traces ?? front;
  if (service === undefined) return {};
  const failed = traces === undefined ? `&tags=${encodeURIComponent('{"error":"true"}')}` : "";
  return { traces_url: outsideUrl("jaeger/web", `/search?service=${service}${failed}&lookback=1h`) };
}

/** How a value is written: Prometheus' function for one that is measured, and the same for one that is fixed. */
export const shownBy: Readonly<Record<Unit, { readonly template: string; readonly text: (value: number) => string }>> =
  {
    number: { template: "humanize", text: numberText },
    count: { template: 'printf "%.0f"', text: numberText },
    ratio: { template: "humanizePercentage", text: (value) => `${Number((value * 100).toPrecision(4))}%` },
    seconds: { template: 'humanizeDuration | reReplaceAll "( 0[hms])+$" ""', text: durationText },
    bytes: { template: "humanize1024", text: bytesText },
  };

/** A fixed value as a message writes it. */
export const inUnit = (value: number, unit: Unit = "number"): string => shownBy[unit].text(value);

/** As humanize writes it: `1.5G`, `50m`. */
function numberText(value: number): string {
  const prefixes = ["p", "n", "u", "m", "", "k", "M", "G", "T", "P"];
  const power = Math.min(Math.max(Math.floor(Math.log10(Math.abs(value) || 1) / 3), -4), 5);
  return `${Number((value / 1_000 ** power).toPrecision(4))}${prefixes[power + 4]}`;
}

/** As humanizeDuration writes it, without the zeros at its end: `1m 30s`, `2h`. */
function durationText(value: number): string {
  if (value > 0 && value < 1) return `${Number((value * 1_000).toPrecision(4))}ms`;
  if (value < 60) return `${Number(value.toPrecision(4))}s`;
  const parts = [
    [Math.floor(value / 86_400), "d"],
    [Math.floor((value / 3_600) % 24), "h"],
    [Math.floor((value / 60) % 60), "m"],
    [Math.floor(value % 60), "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  const last = parts.findLastIndex(([count]) => count > 0);
  return parts
    .slice(first, last + 1)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}

/** As humanize1024 writes it: `1.5Gi`. */
function bytesText(value: number): string {
  const prefixes = ["", "ki", "Mi", "Gi", "Ti", "Pi"];
  const power = Math.min(Math.floor(Math.log2(Math.max(value, 1)) / 10), prefixes.length - 1);
  return `${Number((value / 1024 ** power).toPrecision(4))}${prefixes[power]}`;
}

export const toRule = ({ alert, labels, annotations }: Finished): Tree => ({
  alert: alert.name,
  expr: alert.expr.text,
  for: alert.for,
  ...(alert.keepFiringFor === undefined ? {} : { keep_firing_for: alert.keepFiringFor }),
  labels: { ...labels },
  annotations: { ...annotations },
});
