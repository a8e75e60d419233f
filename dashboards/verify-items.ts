// What there is to verify: variables, panels and annotations of dashboards, and the rules of a Prometheus.
import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import { findSeries } from "../telemetry/catalogue/index.ts";
import type { Finding, Item, Source } from "./verify.ts";
import { ask, samplesOf } from "./viewer/browser/ask.ts";
import { type Context, loadPanel, loadVariable } from "./viewer/browser/load.ts";
import { marksOf } from "./viewer/browser/marks.ts";
import { type Dashboard, type Exemplar, type Panel, panelsOf, type Target } from "./viewer/browser/model.ts";
import { choicesOf, questionOf, variablesOf } from "./viewer/browser/variables.ts";

/** Every variable, every target of every panel and every annotation, asked as the viewer asks it: all values of all variables, the last hour. */
export const panelItems = (dashboards: readonly Dashboard[], source: Source): readonly Item[] =>
  dashboards.flatMap((dashboard) => [
    ...variableItems(dashboard, source),
    ...(dashboard.annotations?.list ?? []).map(
      (annotation): Item => ({
        kind: "panel",
        item: `${dashboard.title} / ${annotation.name} / ${annotation.target?.refId}`,
        check: async () => {
          const marks = await marksOf(annotation, contextOf(dashboard, source));
          if (marks.length > 0) return { status: "ok", detail: `${marks.length} stretches` };
          return nothingShown(annotation.target?.expr ?? "", source, "nothing to mark");
        },
      }),
    ),
    ...panelsOf(dashboard).flatMap((panel) =>
      (panel.targets ?? []).filter(drawn).map((target): Item => {
        const healthy = panel.fieldConfig?.defaults.noValue;
        return {
          kind: "panel",
          item: `${dashboard.title} / ${panel.title ?? panel.id} / ${target.refId}`,
          check: async () => {
            const data = await loadPanel(alone(panel, target), contextOf(dashboard, source), 800);
            if (target.exemplar === true)
              return {
                status: data.exemplars.length > 0 ? "ok" : "empty",
                detail: `${data.exemplars.length} traced measurements`,
              };
            const { frames } = data;
            const points = frames.reduce((sum, { values }) => sum + values.filter((value) => value !== null).length, 0);
            if (points > 0) return { status: "ok", detail: `${frames.length} series` };
            if (data.untold) return { status: "empty", detail: `nobody tells: there is no ${toldBy(panel)}` };
            return nothingShown(target.expr ?? "", source, healthy);
          },
        };
      }),
    ),
  ]);

const drawn = ({ hide }: Target): boolean => hide !== true;
/** A panel with one of its queries, and those that are not drawn. */
const alone = (panel: Panel, target: Target): Panel => ({
  ...panel,
  targets: [target, ...(panel.targets ?? []).filter((each) => !drawn(each))],
});
const toldBy = (panel: Panel): string => panel.targets?.find((target) => !drawn(target))?.expr ?? "";

/** A variable without values leaves its list empty, and every panel that is narrowed by it. */
const variableItems = (dashboard: Dashboard, source: Source): readonly Item[] =>
  variablesOf(dashboard)
    .filter(({ type }) => type === "query")
    .map((variable): Item => {
      const question = questionOf(variable);
      return {
        kind: "variable",
        item: `${dashboard.title} / $${variable.name}`,
        check: async () => {
          const values = await loadVariable(variable, contextOf(dashboard, source));
          if (values.length > 0)
            return { status: "ok", detail: values.length === 1 ? "1 value" : `${values.length} values` };
          const query =
            question.kind === "values" ? (question.match ?? "") : question.kind === "result" ? question.expr : "";
          return nothingShown(
            query,
            source,
            undefined,
            `${question.kind === "values" ? question.label : query} has no values`,
          );
        },
      };
    });

/** Nothing to show is well where its metrics are there and `healthy` says what that means, or where what they need is not there. */
async function nothingShown(
  query: string,
  source: Source,
  healthy: string | undefined,
  otherwise = query,
): Promise<Pick<Finding, "status" | "detail">> {
  const missing = await missingMetrics(query, source);
  const reason = missing.length === 0 ? undefined : whyMissing(missing);
  if (reason !== undefined) return { status: "ok", detail: reason };
  if (missing.length > 0) return { status: "empty", detail: `there is no ${missing.join(", no ")}` };
  if (healthy !== undefined) return { status: "ok", detail: `empty while all is well: ${healthy}` };
  return { status: "empty", detail: otherwise };
}

/** Every traced measurement of the last hour that panels show, as the viewer asks for them. */
export async function exemplarsIn(dashboards: readonly Dashboard[], source: Source): Promise<readonly Exemplar[]> {
  const loaded = dashboards.flatMap((dashboard) =>
    panelsOf(dashboard).map(async (panel) => {
      const targets = (panel.targets ?? []).filter(({ exemplar }) => exemplar === true);
      if (targets.length === 0) return [];
      return (await loadPanel({ ...panel, targets }, contextOf(dashboard, source), 800)).exemplars;
    }),
  );
  return (await Promise.all(loaded)).flat();
}

interface RuleGroup {
  readonly name: string;
  readonly rules: readonly {
    readonly name: string;
    readonly query: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly type: string;
    readonly health: string;
    readonly lastError?: string;
  }[];
}

/** Every rule that Prometheus has loaded; throws a QueryError where it does not tell them. */
export async function ruleItems(source: Source): Promise<readonly Item[]> {
  const { groups } = (await ask(contextOf(undefined, source), "/api/v1/rules", {})) as {
    readonly groups?: readonly RuleGroup[];
  };
  return (groups ?? []).flatMap((group) =>
    group.rules.map(
      (rule): Item => ({
        kind: "rule",
        item: [group.name, rule.name, fixedService(rule.labels)].filter((part) => part !== "").join(" / "),
        check: async () => {
          if (rule.health === "err") return { status: "error", detail: rule.lastError ?? "its last evaluation failed" };
          const found = await count(rule.query, source);
          if (found > 0)
            return { status: "ok", detail: rule.type === "alerting" ? `${found} active` : `${found} series` };
          const missing = await missingMetrics(rule.query, source);
          if (rule.type === "recording") {
            const needed = neededBy(rule.name) ?? (missing.length > 0 ? missing.join(", no ") : undefined);
            return needed === undefined
              ? { status: "empty", detail: rule.query }
              : { status: "ok", detail: `nothing to record: there is no ${needed}` };
          }
          const reason = whyMissing(missing);
          if (reason === undefined) {
            const unexplained = missing.filter((name) => neededBy(name) === undefined);
            return { status: "empty", detail: `can never fire: there is no ${unexplained.join(", no ")}` };
          }
          return { status: "ok", detail: ["silent", reason].filter((part) => part !== "").join(", ") };
        },
      }),
    ),
  );
}

/** What is not there, and need not be; undefined where one of these metrics has to be there. */
function whyMissing(metrics: readonly string[]): string | undefined {
  const needs = new Set(metrics.map(neededBy));
  return needs.has(undefined) ? undefined : [...needs].map((what) => `there is no ${what}`).join(", ");
}

/** What there has to be for the metric to be there. */
const neededBy = (name: string): string | undefined => findSeries(name)?.row.needs;

/** Tells the members of a family of alerts apart; a service that only the firing alert knows is left out. */
const fixedService = (labels: Readonly<Record<string, string>> = {}): string =>
  labels.service === undefined || labels.service.includes("{{") ? "" : labels.service;

const slashed = (url: URL): URL => new URL(`${url.href.replace(/\/$/, "")}/`);

function contextOf(
  dashboard: Dashboard | undefined,
  { prometheus, headers, scrapeSeconds, timeoutMs, signal = new AbortController().signal }: Source,
): Context {
  const now = Date.now() / 1_000;
  const none: Dashboard = { uid: "", title: "", panels: [] };
  return {
    dashboard: dashboard ?? none,
    choices: choicesOf(dashboard ?? none, new URLSearchParams()),
    range: { from: now - 3_600, to: now },
    scrapeSeconds,
    signal,
    fetch: (path, init) =>
      fetch(new URL(path.slice(1), slashed(prometheus)), {
        ...init,
        headers: { ...init?.headers, ...headers },
        signal: AbortSignal.any([init?.signal ?? signal, AbortSignal.timeout(timeoutMs)]),
      }),
  };
}

const count = async (query: string, source: Source): Promise<number> =>
  samplesOf(await ask(contextOf(undefined, source), "/api/v1/query", { query })).length;

/** Metrics that an expression needs in order to have a value and that Prometheus has not seen for a while. */
async function missingMetrics(query: string, source: Source): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const name of neededMetrics(query))
    if ((await count(`count(last_over_time(${name}[15m]))`, source)) === 0) missing.push(name);
  return missing;
}

/** Alerts appear only while one is active, and what an alert excludes or falls back to may be missing. */
export function neededMetrics(query: string): readonly string[] {
  const needed = new Set<string>();
  const visit = (node: SyntaxNode): void => {
    if (node.name === "FunctionCall" && /^absent(?:_over_time)?\b/.test(query.slice(node.from, node.to))) return;
    if (node.name === "VectorSelector") {
      const name = node.getChild("Identifier");
      if (name !== null) needed.add(query.slice(name.from, name.to));
      return;
    }
    const optional = node.getChild("Or") !== null || node.getChild("Unless") !== null;
    for (let child = node.firstChild; child !== null; child = optional ? null : child.nextSibling) visit(child);
  };
  visit(parser.parse(query).topNode);
  needed.delete("ALERTS");
  return [...needed];
}
