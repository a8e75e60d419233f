// When an alert fires, in words for its message: read from its expression, so that no alert says it again.
import { findSeries } from "../telemetry/catalogue/index.ts";

const words: Readonly<Record<string, string>> = {
  "==": "at",
  "!=": "at other than",
  ">": "above",
  ">=": "at or above",
  "<": "below",
  "<=": "at or below",
};

/** `above 80%`: what the measured value is compared with; undefined where that is no number, such as another series. */
export function conditionOf(expression: string, write: (value: number) => string): string | undefined {
  const [, operator = "", number] = / (==|!=|>=?|<=?) (-?[\d.]+(?:e[+-]?\d+)?)$/.exec(measured(expression)) ?? [];
  return number === undefined ? undefined : `${words[operator]} ${write(Number(number))}`;
}

/** The metric of which a flag is asked, as in `max by (database) (redis_up) == 0`; undefined where something is measured. */
export function flagOf(expression: string): string | undefined {
  const part = measured(expression);
  if (!/ == -?\d+$/.test(part)) return undefined;
  return part.match(/[A-Za-z_:][\w:]*/g)?.find((word) => findSeries(word) !== undefined);
}

/** Whether the value is the same whenever the alert fires, and means nothing. */
export const isConstant = (expression: string): boolean =>
  /^(?:absent|absent_over_time|vector)\(/.test(measured(expression));

/** The part whose value the alert has: what stands before the first `and`, `or` or `unless`, without parentheses around all of it. */
function measured(expression: string): string {
  let depth = 0;
  for (const { 0: found, index } of expression.matchAll(/"(?:[^"\\]|\\.)*"|[()]| (?:and|or|unless) /g)) {
    if (found === "(") depth++;
    else if (found === ")") depth--;
    else if (depth === 0 && !found.startsWith('"')) return unwrapped(expression.slice(0, index));
  }
  return unwrapped(expression);
}

const unwrapped = (part: string): string =>
  /^\(.* (?:[=!]=|[<>]=?) -?[\d.e+]+\)$/.test(part) ? part.slice(1, -1) : part;
