// Checks the text of a finished query against the catalogue, as the compiler cannot: names, labels, values, kinds, vector matching.
import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import { nearest } from "../components/config/nearest.ts";
import type { Problem } from "../components/errors.ts";
import { findSeries, seriesNames } from "./catalogue/index.ts";

/** What a part of a query gives: a vector with these labels, or a number or text without any. */
type Result = { readonly vector: true; readonly labels: ReadonlySet<string> } | { readonly vector: false };
type Report = (what: string, remedy: string) => void;
type Children = readonly SyntaxNode[];

interface Reader {
  readonly text: (node: SyntaxNode) => string;
  readonly report: Report;
  readonly result: (node: SyntaxNode) => Result;
}

const needCounter = new Set(["rate", "irate", "increase", "resets"]);
const needGauge = new Set(["delta", "idelta", "deriv", "predict_linear"]);
const setOperators = new Set(["And", "Or", "Unless"]);
const scalar: Result = { vector: false };

/** Everything that is wrong with a query, in the order of its text; empty when nothing is. */
export const checkExpression = (text: string): readonly Problem[] => read(text).problems;

/** The labels that the result of a query can have. */
export function labelsOfExpression(text: string): ReadonlySet<string> {
  const { result } = read(text);
  return result.vector ? result.labels : new Set();
}

function read(query: string): { readonly problems: readonly Problem[]; readonly result: Result } {
  const text = query.replaceAll(/\$__(?:rate_interval|interval|range)\b/g, "5m");
  const problems: Problem[] = [];
  const tree = parser.parse(text);
  const report: Report = (what, remedy) => problems.push({ where: `query ${query}`, what, remedy });
  tree.iterate({
    enter: (node) => {
      if (node.type.isError)
        report(
          `is not PromQL at "${text.slice(node.from, node.from + 20)}" (character ${node.from + 1})`,
          "Correct the syntax.",
        );
    },
  });
  if (problems.length > 0) return { problems: problems.slice(0, 1), result: scalar };
  const reader: Reader = {
    text: (node) => text.slice(node.from, node.to),
    report,
    result: (node) => resultOf(node, reader),
  };
  const root = tree.topNode.firstChild;
  if (root === null) report("is empty", "Write an expression.");
  return { problems, result: root === null ? scalar : reader.result(root) };
}

function resultOf(node: SyntaxNode, reader: Reader): Result {
  switch (node.name) {
    case "VectorSelector":
      return selector(node, reader);
    case "AggregateExpr":
      return aggregation(node, reader);
    case "FunctionCall":
      return call(node, reader);
    case "BinaryExpr":
      return binary(node, reader);
    case "NumberDurationLiteral":
    case "StringLiteral":
      return scalar;
    default: {
      // Parentheses, offsets, ranges, subqueries and signs change nothing about labels.
      const inner = childrenOf(node).find(isOperand);
      return inner === undefined ? scalar : reader.result(inner);
    }
  }
}

function selector(node: SyntaxNode, { text, report }: Reader): Result {
  const identifier = node.getChild("Identifier");
  const name = identifier === null ? "" : text(identifier);
  const series = findSeries(name);
  if (series === undefined) {
    report(
      name === "" ? "has a selector without a metric's name" : `selects ${name}, which no row of the catalogue has`,
      nearest(name, seriesNames()) ?? "Correct the name, or add its row to telemetry/catalogue.",
    );
    return { vector: true, labels: new Set() };
  }
  for (const matcher of node.getChild("LabelMatchers")?.getChildren("UnquotedLabelMatcher") ?? []) {
    const [label = "", operator = "", value = ""] = childrenOf(matcher).map(text);
    const values = series.labels[label];
    if (values === undefined)
      report(`${name} has no label ${label}`, `Use one of: ${Object.keys(series.labels).join(", ")}.`);
    else if (values !== "configured" && !fits(operator, unquote(value), values))
      report(`${name}{${label}${operator}${value}} can never match`, `The label's values are: ${values.join(", ")}.`);
  }
  return { vector: true, labels: new Set(Object.keys(series.labels)) };
}

function aggregation(node: SyntaxNode, reader: Reader): Result {
  const operator = reader.text(node.firstChild ?? node);
  const operands = argumentsOf(node);
  const inner = operands.map(reader.result).findLast(({ vector }) => vector);
  const labels = inner?.vector === true ? inner.labels : new Set<string>();
  const modifier = node.getChild("AggregateModifier");
  const grouping = namesOf(modifier?.getChild("GroupingLabels"), reader);
  for (const label of grouping)
    if (!labels.has(label)) reader.report(`groups by ${label}, which its operand does not have`, oneOf(labels));
  if (operator === "topk" || operator === "bottomk" || operator === "limitk" || operator === "limit_ratio")
    return { vector: true, labels };
  const kept = modifier?.getChild("Without") ? difference(labels, grouping) : new Set(grouping);
  if (operator === "count_values" && operands[0] !== undefined) kept.add(unquote(reader.text(operands[0])));
  return { vector: true, labels: kept };
}

function call(node: SyntaxNode, reader: Reader): Result {
  const name = reader.text(node.firstChild ?? node);
  const operands = argumentsOf(node);
  const results = operands.map(reader.result);
  const selected = findSelector(operands[0]);
  if (selected !== undefined && operands[0]?.name === "MatrixSelector") {
    const metric = reader.text(selected.getChild("Identifier") ?? selected);
    const kind = findSeries(metric)?.kind;
    if (needCounter.has(name) && kind === "gauge")
      reader.report(`${name}() of the gauge ${metric}`, "Use delta, deriv or *_over_time.");
    if (needGauge.has(name) && kind === "counter")
      reader.report(`${name}() of the counter ${metric}`, "Use rate or increase.");
  }
  if (name === "absent" || name === "absent_over_time") return { vector: true, labels: equalities(selected, reader) };
  if (name === "vector") return { vector: true, labels: new Set() };
  const vectors = results.filter((result) => result.vector);
  const labels = new Set(vectors.flatMap((result) => [...result.labels]));
  if (name === "scalar" || vectors.length === 0) return scalar;
  if (name === "histogram_quantile") {
    if (!labels.has("le"))
      reader.report("histogram_quantile() of series without le", "Select the _bucket series and keep le.");
    labels.delete("le");
  }
  if ((name === "label_replace" || name === "label_join") && operands[1] !== undefined)
    labels.add(unquote(reader.text(operands[1])));
  return { vector: true, labels };
}

function binary(node: SyntaxNode, reader: Reader): Result {
  const parts = childrenOf(node);
  const [left, right] = parts.filter(isOperand).map(reader.result);
  if (left === undefined || right === undefined || !left.vector) return right ?? scalar;
  if (!right.vector) return left;
  const operator = parts.find(({ name }) => setOperators.has(name))?.name;
  const clause = node.getChild("MatchingModifierClause");
  const [matching, grouped] = (clause?.getChildren("GroupingLabels") ?? []).map((list) => namesOf(list, reader));
  const joined = matching ?? [];
  const isOn = clause?.getChild("On") != null;
  for (const label of joined)
    for (const [side, { labels }] of [
      ["left", left],
      ["right", right],
    ] as const)
      if (isOn && !labels.has(label))
        reader.report(`matches on ${label}, which the ${side} side does not have`, oneOf(labels));
  const ignored = isOn ? undefined : { left: difference(left.labels, joined), right: difference(right.labels, joined) };
  if (ignored !== undefined && operator !== "Or" && !equal(ignored.left, ignored.right))
    reader.report(
      `its sides never match: {${[...ignored.left].join(", ")}} and {${[...ignored.right].join(", ")}}`,
      "Aggregate both sides to the same labels, or use on(...) or ignoring(...).",
    );
  if (operator === "Or") return { vector: true, labels: left.labels.union(right.labels) };
  if (operator !== undefined) return left;
  const many = clause?.getChild("GroupLeft") ? left : clause?.getChild("GroupRight") ? right : undefined;
  if (many !== undefined) return { vector: true, labels: new Set([...many.labels, ...(grouped ?? [])]) };
  return { vector: true, labels: ignored?.left ?? new Set(joined) };
}

const notOperands = new Set([
  "MatchingModifierClause",
  "BoolModifier",
  "AggregateModifier",
  "DurationExpr",
  "OffsetDurationExpr",
  "UnaryOp",
]);
const operandNames = /(?:Expr|Selector|Call|Literal)$/;
const isOperand = ({ name }: SyntaxNode): boolean => operandNames.test(name) && !notOperands.has(name);

const argumentsOf = (node: SyntaxNode): Children => childrenOf(node.getChild("FunctionCallBody")).filter(isOperand);

function childrenOf(node: SyntaxNode | null | undefined): Children {
  const children: SyntaxNode[] = [];
  for (let child = node?.firstChild ?? null; child !== null; child = child.nextSibling) children.push(child);
  return children;
}

function findSelector(node: SyntaxNode | undefined): SyntaxNode | undefined {
  if (node === undefined || node.name === "VectorSelector") return node;
  return childrenOf(node)
    .map(findSelector)
    .find((found) => found !== undefined);
}

const equalities = (node: SyntaxNode | undefined, { text }: Reader): ReadonlySet<string> =>
  new Set(
    (node?.getChild("LabelMatchers")?.getChildren("UnquotedLabelMatcher") ?? [])
      .map((matcher) => childrenOf(matcher).map(text))
      .flatMap(([label, operator]) => (label !== undefined && operator === "=" ? [label] : [])),
  );

const namesOf = (list: SyntaxNode | null | undefined, { text }: Reader): readonly string[] =>
  (list?.getChildren("LabelName") ?? []).map(text);

const unquote = (literal: string): string =>
  literal.startsWith('"') ? (JSON.parse(literal) as string) : literal.slice(1, -1);

function fits(operator: string, value: string, values: readonly string[]): boolean {
  if (value.includes("$")) return true;
  const known = operator.endsWith("~")
    ? values.some((each) => new RegExp(`^(?:${value})$`).test(each))
    : values.includes(value);
  return known || value === "";
}

const oneOf = (labels: ReadonlySet<string>): string =>
  labels.size === 0 ? "It has no labels left." : `It has: ${[...labels].join(", ")}.`;
const difference = (labels: ReadonlySet<string>, without: readonly string[]): Set<string> =>
  labels.difference(new Set(without));
const equal = (left: ReadonlySet<string>, right: ReadonlySet<string>): boolean =>
  left.symmetricDifference(right).size === 0;
