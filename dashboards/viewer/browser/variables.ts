// Grafana's variables: what a dashboard asks for, what the URL sets, and what an expression becomes.
import type { Dashboard, Variable } from "./model.ts";

export const all = "$__all";
/** The chosen values per variable; `[all]` stands for every value. */
export type Choices = Readonly<Record<string, readonly string[]>>;

export interface Builtins {
  readonly step: number;
  readonly scrape: number;
  readonly range: number;
}

const list = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.map(String) : value === undefined || value === "" ? [] : [String(value)];

export const variablesOf = (dashboard: Dashboard): readonly Variable[] => dashboard.templating?.list ?? [];

/** The URL's `var-x` decides, then what the dashboard was saved with, then all. */
export function choicesOf(dashboard: Dashboard, search: URLSearchParams): Choices {
  const choices: Record<string, readonly string[]> = {};
  for (const variable of variablesOf(dashboard)) {
    const fromUrl = search.getAll(`var-${variable.name}`).filter((value) => value !== "");
    const saved = list(variable.current?.value);
    choices[variable.name] =
      fromUrl.length > 0
        ? fromUrl.map((value) => (value === "All" ? all : value))
        : saved.length > 0
          ? saved
          : variable.includeAll === true
            ? [all]
            : list(variable.options?.[0]?.value);
  }
  return choices;
}

/** What a query variable asks Prometheus for. */
export type Question =
  | { readonly kind: "values"; readonly label: string; readonly match?: string }
  | { readonly kind: "result"; readonly expr: string }
  | { readonly kind: "fixed"; readonly values: readonly string[] };

export function questionOf(variable: Variable): Question {
  const query = typeof variable.query === "string" ? variable.query : String(variable.query?.query ?? "");
  if (variable.type !== "query")
    return {
      kind: "fixed",
      values:
        variable.options === undefined || variable.options.length === 0
          ? query
              .split(",")
              .map((each) => each.trim())
              .filter((each) => each !== "")
          : variable.options.flatMap(({ value }) => list(value)).filter((value) => value !== all),
    };
  const values = /^\s*label_values\(\s*(?:(.+?)\s*,\s*)?([a-zA-Z_]\w*)\s*\)\s*$/s.exec(query);
  if (values !== null) {
    const [, match, label] = values;
    return match === undefined
      ? { kind: "values", label: label as string }
      : { kind: "values", label: label as string, match };
  }
  const result = /^\s*query_result\((.+)\)\s*$/s.exec(query);
  return { kind: "result", expr: result?.[1] ?? query };
}

/** A variable's `regex` keeps and cuts values: the first group when there is one. */
export function filterValues(values: readonly string[], regex: string | undefined): readonly string[] {
  const [, body, flags] = /^\/(.*)\/([a-z]*)$/s.exec(regex ?? "") ?? [];
  if (body === undefined) return values;
  const pattern = new RegExp(body, (flags ?? "").replaceAll("g", ""));
  return values.flatMap((value) => {
    const match = pattern.exec(value);
    return match === null ? [] : [match[1] ?? match[0]];
  });
}

const escapeRegex = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
/** For a place within the quotes of a PromQL string. */
const quoted = (text: string): string => text.replaceAll(/[\\"]/g, "\\$&");
const asRegex = (chosen: readonly string[]): string =>
  chosen.length === 1 ? escapeRegex(chosen[0] as string) : `(${chosen.map(escapeRegex).join("|")})`;
const allOf = ({ allValue }: Variable): string => (allValue === undefined || allValue === "" ? ".*" : allValue);

/** A chosen value inside PromQL: alone as it is, several (or all) as one regular expression. */
function textOf(variable: Variable, chosen: readonly string[]): string {
  if (chosen.includes(all)) return allOf(variable);
  return quoted(variable.multi === true || variable.includeAll === true ? asRegex(chosen) : (chosen[0] ?? ""));
}

/** Chosen values by the name of one of Grafana's formats; several are a glob where nothing else is said. */
export function formatted(variable: Variable, chosen: readonly string[], format: string): string {
  const { name } = variable;
  if (format === "queryparam") return new URLSearchParams(chosen.map((value) => [`var-${name}`, value])).toString();
  if (chosen.includes(all)) return format === "percentencode" ? encodeURIComponent(allOf(variable)) : allOf(variable);
  switch (format) {
    case "regex":
      return asRegex(chosen);
    case "pipe":
      return chosen.join("|");
    case "csv":
    case "raw":
      return chosen.join(",");
    case "percentencode":
      return encodeURIComponent(globOf(chosen));
    default:
      return globOf(chosen);
  }
}

const globOf = (chosen: readonly string[]): string => (chosen.length > 1 ? `{${chosen.join(",")}}` : (chosen[0] ?? ""));

/** Names of the variables whose values depend on this one's, directly or by way of others. */
export function dependentsOf(dashboard: Dashboard, name: string): readonly string[] {
  const found = new Set<string>();
  const visit = (on: string): void => {
    const mention = new RegExp(`\\$\\{?${on}\\b`);
    for (const variable of variablesOf(dashboard)) {
      if (variable.name === on || found.has(variable.name)) continue;
      if (!mention.test(JSON.stringify(variable.query ?? ""))) continue;
      found.add(variable.name);
      visit(variable.name);
    }
  };
  visit(name);
  return [...found];
}

const duration = (total: number): string =>
  total >= 1 ? `${Math.round(total)}s` : `${Math.max(1, Math.round(total * 1_000))}ms`;

/** `$x`, `${x}`, `${x:regex}`, `[[x]]` and Grafana's own `$__interval`, `$__rate_interval`, `$__range`. */
export function interpolate(text: string, dashboard: Dashboard, choices: Choices, builtins: Builtins): string {
  const known: Record<string, string> = {
    __interval: duration(builtins.step),
    __interval_ms: String(Math.round(builtins.step * 1_000)),
    __rate_interval: duration(Math.max(builtins.step + builtins.scrape, 4 * builtins.scrape)),
    __range: duration(builtins.range),
    __range_s: String(Math.round(builtins.range)),
    __range_ms: String(Math.round(builtins.range * 1_000)),
  };
  const variables = new Map(variablesOf(dashboard).map((variable) => [variable.name, variable]));
  return text.replaceAll(
    /\$(\w+)|\$\{(\w+)(?::([^}]*))?\}|\[\[(\w+)\]\]/g,
    (whole, bare?: string, braced?: string, format?: string, square?: string) => {
      const name = bare ?? braced ?? square ?? "";
      const variable = variables.get(name);
      if (variable === undefined) return known[name] ?? whole;
      const chosen = choices[name] ?? [];
      return format === undefined ? textOf(variable, chosen) : formatted(variable, chosen, format);
    },
  );
}
