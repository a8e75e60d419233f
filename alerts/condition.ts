// When an alert fires, in words for its message: read from its expression, so that no alert says it again.

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
