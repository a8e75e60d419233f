// What was changed of a dashboard in Grafana's pages, against the code: panel by panel, each change with the place where it is written.
import { stackError } from "../components/errors.ts";
import type { Dashboard, Json } from "./grafana.ts";

export interface Difference {
  /** `Panel's title: targets.A.expr`, or the path alone where it is about the whole dashboard. */
  readonly where: string;
  /** Undefined where only the other has it. */
  readonly code?: Json;
  readonly file?: Json;
}

/** What Grafana writes of its own accord when it saves or exports; tags name the environment. */
const grafanas = new Set([
  "id",
  "uid",
  "version",
  "iteration",
  "pluginVersion",
  "tags",
  "__inputs",
  "__elements",
  "__requires",
]);
type Fields = { readonly [key: string]: Json };

/** A dashboard as Grafana exports it: by its page, or by its HTTP API. Throws a StackError that names `path` for anything else. */
export function readExport(text: string, path: string): Fields & { readonly uid: string } {
  const remedy = "Export the dashboard as JSON in the classic format, or take it from /api/dashboards/uid/UID.";
  let read: Json;
  try {
    read = JSON.parse(text) as Json;
  } catch {
    throw stackError(path, "is no JSON", remedy);
  }
  const inner = isFields(read) && isFields(read.dashboard) ? read.dashboard : read;
  if (!isFields(inner) || typeof inner.uid !== "string" || !Array.isArray(inner.panels))
    throw stackError(path, "is no dashboard with a uid and panels", remedy);
  return inner as Fields & { readonly uid: string };
}

/** In the order of the code, what is only in the file after it. */
export const differences = (code: Dashboard, file: Fields): readonly Difference[] =>
  compare(code as unknown as Json, file as Json, []);

function compare(code: Json | undefined, file: Json | undefined, path: readonly string[]): readonly Difference[] {
  if (Array.isArray(code) && Array.isArray(file) && [...code, ...file].every((each) => nameOf(each) !== undefined))
    return compareFields(byName(code), byName(file), path);
  if (isFields(code) && isFields(file)) return compareFields(code, file, path);
  // Grafana leaves out what is empty, and adds its defaults: neither says anything.
  if (code === undefined ? isNothing(file) : file === undefined ? isNothing(code) : same(code, file)) return [];
  return [
    {
      where: placeOf(path),
      ...(code === undefined ? {} : { code }),
      ...(file === undefined ? {} : { file }),
    },
  ];
}

const compareFields = (code: Fields, file: Fields, path: readonly string[]): readonly Difference[] =>
  [...new Set([...Object.keys(code), ...Object.keys(file)])]
    .filter((key) => !grafanas.has(key))
    .flatMap((key) => compare(code[key], file[key], [...path, key]));

/** A panel is known by its title, a query by its letter. */
const nameOf = (each: Json): string | undefined => {
  const name = isFields(each) ? (each.title ?? each.refId) : undefined;
  return typeof name === "string" ? name : undefined;
};
const byName = (list: readonly Json[]): Fields => Object.fromEntries(list.map((each) => [nameOf(each) ?? "", each]));

/** `panels.TITLE.a.b` reads better as `TITLE: a.b`. */
const placeOf = ([first = "", second, ...rest]: readonly string[]): string => {
  if (first !== "panels" || second === undefined)
    return [first, ...(second === undefined ? [] : [second]), ...rest].join(".");
  return rest.length === 0 ? second : `${second}: ${rest.join(".")}`;
};

const isFields = (value: Json | undefined): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isNothing = (value: Json | undefined): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  value === "" ||
  (typeof value === "object" && Object.values(value).every((each) => isNothing(each as Json)));

const same = (left: Json, right: Json): boolean => JSON.stringify(ordered(left)) === JSON.stringify(ordered(right));

const ordered = (value: Json): Json =>
  Array.isArray(value)
    ? value.map(ordered)
    : isFields(value)
      ? Object.fromEntries(
          Object.keys(value)
            .toSorted()
            .map((key) => [key, ordered(value[key] ?? null)]),
        )
      : value;

/** For people: one block per change. */
export const tell = ({ where, code, file }: Difference): string =>
  [
    where,
    ...(code === undefined ? [] : [`  - ${shown(code)}`]),
    ...(file === undefined ? [] : [`  + ${shown(file)}`]),
  ].join("\n");

const shown = (value: Json): string => (typeof value === "string" ? value : JSON.stringify(value));
