// Links of panels and of values: an address with the page's time range, its variables, and what was clicked on.
import { fill, type Labels } from "./fields.ts";
import type { Dashboard, Link } from "./model.ts";
import type { Range } from "./time.ts";
import { type Choices, formatted, variablesOf } from "./variables.ts";

/** What a page gives each of its links. */
export interface Surroundings {
  readonly dashboard: Dashboard;
  readonly choices: Choices;
  /** As in the page's address, so that "the last hour" stays the last hour. */
  readonly time: { readonly from: string; readonly to: string };
  readonly range: Range;
  /** What a path is relative to. */
  readonly base: string;
}

/** The address; undefined for any other scheme than http: such a link leads nowhere. */
export function addressOf(
  link: Link,
  page: Surroundings,
  labels: Labels = {},
  value?: number | string | null,
): string | undefined {
  const url = URL.parse(fill(fillPage(link.url ?? "", page), labels, value), page.base);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  for (const [wanted, parameters] of [
    [link.keepTime, Object.entries(page.time)],
    [link.includeVars, parametersOf(page)],
  ] as const)
    if (wanted === true) for (const [name, text] of parameters) url.searchParams.append(name, text);
  return url.href;
}

/** `${__url_time_range}`, `${__all_variables}`, `${__from}`, `${__to}`, and `$x` or `${x:format}` for a variable. */
const fillPage = (text: string, page: Surroundings): string =>
  text.replaceAll(/\$\{(\w+)(?::(\w+))?\}|\$(\w+)/g, (whole, braced?: string, format?: string, bare?: string) => {
    const name = braced ?? bare ?? "";
    switch (name) {
      case "__url_time_range":
        return new URLSearchParams(page.time).toString();
      case "__all_variables":
        return new URLSearchParams(parametersOf(page)).toString();
      case "__from":
      case "__to":
        return String(Math.round(page.range[name === "__from" ? "from" : "to"] * 1_000));
    }
    const variable = variablesOf(page.dashboard).find((each) => each.name === name);
    return variable === undefined ? whole : formatted(variable, page.choices[name] ?? [], format ?? "glob");
  });

/** Every choice of every variable, as an address has it. */
const parametersOf = ({ dashboard, choices }: Surroundings): [string, string][] =>
  variablesOf(dashboard).flatMap(({ name }) =>
    (choices[name] ?? []).map((value): [string, string] => [`var-${name}`, value]),
  );
