// The one list of what may be said about a request, a probe or a failure: a log field or span attribute is here, in this shape, or it is dropped.

type Shape = (value: unknown) => boolean;

const matches =
  (pattern: RegExp): Shape =>
  (value) =>
    typeof value === "string" && pattern.test(value);
const oneOf =
  (...values: readonly string[]): Shape =>
  (value) =>
    typeof value === "string" && values.includes(value);

/** A name from our code or a validated config: too short and too plain to carry an address, a date or a person's name. */
const name = matches(/^[A-Za-z][A-Za-z0-9_-]{0,39}$/);
const number: Shape = (value) => typeof value === "number" && Number.isFinite(value);
/** Only small whole numbers: a bigger one may be a record number. */
const count: Shape = (value) => Number.isSafeInteger(value) && Math.abs(value as number) < 1_000_000;
const flag: Shape = (value) => typeof value === "boolean";
/** The template of a route, such as `/patients/:id`; more than one digit would be a sign of a real path. */
const template = matches(/^(?=.{1,120}$)(?:\/(?:[A-Za-z][A-Za-z_-]*[0-9]?|:[A-Za-z]+|\*))+$|^\/$|^unmatched$|^other$/);

export const attributes = {
  service: name,
  "service.name": name,
  environment: name,
  integration: name,
  database: name,
  collector: name,
  target: name,
  cause: name,
  grant: name,
  signal: name,
  phase: name,
  cache: name,
  "cache.name": name,
  "error.type": name,
  /** A line of our code, such as `gateway/api.ts:42`. */
  "error.place": matches(/^(?=.{1,120}$)(?:[A-Za-z@._-][\w@.-]*\/)*[\w.-]+\.[cm]?[jt]s:\d{1,5}$/),
  /** The configured name of a service that is called. */
  "peer.service": name,
  "db.system.name": name,
  "db.operation.name": name,
  /** A place in a config, such as `integrations[0].timeout`. */
  setting: matches(/^(?=.{1,120}$)[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*|\[\d{1,4}\])*$/),
  trace_id: matches(/^[0-9a-f]{32}$/),
  span_id: matches(/^[0-9a-f]{16}$/),
  "http.request.method": oneOf("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "_OTHER"),
  "http.response.status_code": count,
  "http.route": template,
  /** A field of our own schema, such as `Patient.appointments`. */
  "graphql.field": matches(/^[A-Z][A-Za-z]{0,29}\.[a-z][A-Za-z]{0,29}$/),
  "url.scheme": oneOf("http", "https"),
  port: count,
  attempts: count,
  problems: count,
  targets: count,
  duration_ms: number,
  up: flag,
  confirmed: flag,
} as const satisfies Record<string, Shape>;

/** A metric's label whose values are no closed list: short and plain, never an address with a scheme, a query or an `@`. */
export const labelValue = matches(/^(?!.*:\/\/)[\w./:{}*-]{1,120}$/);

/** Labels that a message to people may tell: names that the stack, its settings, our programs or a database's own catalogue give to things. */
export const toldLabels = [
  ...["alertname", "severity", "owner", "service", "window", "environment", "job", "instance"],
  ...["database", "collector", "target", "schema", "sequence", "slot", "cache", "namespace", "upstream"],
  ...["integration", "cause", "source", "alertmanager", "rule_group", "receiver", "transport", "exporter"],
] as const;

export type AttributeName = keyof typeof attributes;
export type Attributes = { readonly [Name in AttributeName]?: string | number | boolean | undefined };

/** What may pass of a set of attributes; everything else is gone, name and value. */
export function redact(given: Readonly<Record<string, unknown>>): Readonly<Record<string, string | number | boolean>> {
  const kept: Record<string, string | number | boolean> = {};
  // By its keys: a list of pairs costs a recorded request 5 % of its time.
  for (const key of Object.keys(given)) {
    const value = given[key];
    if (mayPass(key, value)) kept[key] = value;
  }
  return kept;
}

export function mayPass(key: string, value: unknown): value is string | number | boolean {
  return Object.hasOwn(attributes, key) && attributes[key as AttributeName](value);
}
