// Small faults in an alert, each of which its proofs have to notice: changes of the parsed expression and of the fields.
import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import { type Duration, seconds } from "../components/units.ts";
import type { Alert, Severity } from "./rule.ts";

export interface Mutant {
  /** Stable as long as the alert is: `12 == -> !=` is the operator at character 12. */
  readonly id: string;
  readonly alert: Alert;
}

/** What stands in for an operator, an aggregation or a function. */
const swaps: Readonly<Record<string, readonly string[]>> = {
  "==": ["!=", ">="],
  "!=": ["=="],
  ">": [">=", "<"],
  ">=": [">", "<"],
  "<": ["<=", ">"],
  "<=": ["<", ">"],
  "/": ["*"],
  "*": ["/"],
  "+": ["-"],
  "-": ["+"],
  and: ["or", "unless"],
  or: ["and", "unless"],
  unless: ["and"],
  sum: ["max", "min", "count"],
  max: ["min", "sum", "count"],
  min: ["max", "sum", "count"],
  // The last of each knows of no counter that starts anew.
  rate: ["increase", "deriv"],
  increase: ["rate", "delta"],
  max_over_time: ["min_over_time", "last_over_time"],
  min_over_time: ["max_over_time", "last_over_time"],
};

const operators = /^(?:Eql|Neq|Gtr|Gte|Lss|Lte|Div|Mul|Add|Sub|And|Or|Unless|AggregateOp|FunctionIdentifier)$/;

/** Every mutant of an alert, those that are declared equivalent left out. `step` is the time between two evaluations. */
export const mutantsOf = (alert: Alert, step: Duration): readonly Mutant[] =>
  [...ofExpression(alert), ...ofFields(alert, seconds(step))].filter(({ id }) => alert.equivalent?.[id] === undefined);

/** The declared equivalents that no longer name a mutant. */
export const staleEquivalents = (alert: Alert, step: Duration): readonly string[] => {
  const ids = [...ofExpression(alert), ...ofFields(alert, seconds(step))].map(({ id }) => id);
  return Object.keys(alert.equivalent ?? {}).filter((id) => !ids.includes(id));
};

function* ofExpression(alert: Alert): Generator<Mutant> {
  const text = alert.expr.text;
  const replace = (from: number, to: number, by: string): Mutant => ({
    id: `${from} ${text.slice(from, to)} -> ${by === "" ? "nothing" : by}`,
    alert: { ...alert, expr: { ...alert.expr, text: text.slice(0, from) + by + text.slice(to) } },
  });
  for (const node of nodesOf(parser.parse(text).topNode)) {
    const own = text.slice(node.from, node.to);
    if (node.parent?.name === "MatchOp") {
      if (own === "!=") yield replace(node.from, node.to, "=");
    } else if (operators.test(node.name)) {
      for (const by of swaps[own] ?? []) yield replace(node.from, node.to, by);
    } else if (node.name === "NumberDurationLiteral") {
      for (const by of own === "0" ? ["1", "-1"] : [Number(own) * 2, Number(own) / 2, 0].map(String))
        yield replace(node.from, node.to, by);
    } else if (node.name === "NumberDurationLiteralInDurationContext") {
      for (const by of [seconds(own) * 2, Math.ceil(seconds(own) / 2)]) yield replace(node.from, node.to, `${by}s`);
    } else if (
      node.name === "UnquotedLabelMatcher" ||
      (node.name === "LabelName" && node.parent?.name === "GroupingLabels")
    ) {
      yield replace(node.from, after(node, text), "");
    } else if (node.name === "BinaryExpr" && node.firstChild !== null && node.lastChild !== null) {
      // A scalar alone is no condition, and no operand of `and`.
      if (!isScalar(node.firstChild, text)) yield replace(node.firstChild.to, node.to, "");
      if (!isScalar(node.lastChild, text)) yield replace(node.from, node.lastChild.from, "");
    }
  }
}

const isScalar = ({ name, from, to }: SyntaxNode, text: string): boolean =>
  name === "NumberDurationLiteral" || text.slice(from, to) === "time()";

function* ofFields(alert: Alert, step: number): Generator<Mutant> {
  const change = (field: "for" | "keepFiringFor", by: number): Mutant => {
    const to: Duration = `${Math.max(0, seconds(alert[field] ?? "0s") + by)}s`;
    return { id: `${field} -> ${to}`, alert: { ...alert, [field]: to } };
  };
  const severities: readonly Severity[] = ["page", "ticket", "info"];
  yield change("for", step);
  if (seconds(alert.for) > 0) yield change("for", -step);
  yield change("keepFiringFor", step);
  if (alert.keepFiringFor !== undefined) yield change("keepFiringFor", -step);
  for (const severity of severities)
    if (severity !== alert.severity) yield { id: `severity -> ${severity}`, alert: { ...alert, severity } };
  yield { id: "service -> other", alert: { ...alert, service: "other" } };
}

function* nodesOf(node: SyntaxNode): Generator<SyntaxNode> {
  yield node;
  for (let child = node.firstChild; child !== null; child = child.nextSibling) yield* nodesOf(child);
}

/** The end of an item of a list, its comma included, so that what is left is still a list. */
const after = (node: SyntaxNode, text: string): number =>
  node.to + (/^\s*,\s*/.exec(text.slice(node.to))?.[0].length ?? 0);
