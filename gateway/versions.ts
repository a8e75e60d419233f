// The versions of the API: which one a request means, and what sets its bodies and answers apart. All of it is pure.
import type { JsonSchema } from "../records/resource.ts";
import type { Content } from "./content.ts";

export const versions = ["1", "2"] as const;
export type Version = (typeof versions)[number];
export const defaultVersion: Version = "1";
export const newest: Version = "2";
export const versionHeader = "x-api-version";

/** When a version went out of favour, and when it ends. */
const ends: Readonly<Partial<Record<Version, { readonly deprecated: string; readonly sunset: string }>>> = {
  1: { deprecated: "2026-01-01T00:00:00Z", sunset: "2027-06-30T00:00:00Z" },
};

type Names = Readonly<Record<string, string>>;
type Row = Readonly<Record<string, unknown>>;

const isVersion = (text: string | undefined): text is Version => versions.some((version) => version === text);

/** The URL's version beats the header's, which beats the default; undefined when nobody knows it. */
export function versionOf(inUrl: string | undefined, inHeader: unknown): Version | undefined {
  const asked = inUrl ?? (inHeader === undefined ? defaultVersion : String(inHeader));
  return isVersion(asked) ? asked : undefined;
}

/** What every answer of a version says of its end (RFC 9745, RFC 8594). */
export function endHeaders(version: Version): Readonly<Record<string, string>> {
  const end = ends[version];
  if (end === undefined) return {};
  return {
    deprecation: `@${Date.parse(end.deprecated) / 1_000}`,
    sunset: new Date(end.sunset).toUTCString(),
  };
}

/** A body as the services take it. Version 1 knows some fields by former names. */
export const requestBody = (version: Version, formerNames: Names, body: Row): Row =>
  version === "1" ? renamed(body, inverse(formerNames)) : body;

/** An answer in a version's envelope, as JSON text. */
export function envelope(version: Version, formerNames: Names, { data, count, page, at }: Content): string {
  if (version === "1") return `{"success":true,"data":${inFormerNames(data, formerNames)},"count":${count}}`;
  const meta = `"meta":{"version":"2","timestamp":"${at}"}`;
  if (page === undefined) return `{"success":true,"data":${data},${meta}}`;
  const pagination = { ...page, pages: Math.ceil(page.total / page.limit) };
  return `{"success":true,"data":${data},"pagination":${JSON.stringify(pagination)},${meta}}`;
}

/** The schema of a body in a version. */
export function bodySchema(version: Version, formerNames: Names, schema: JsonSchema): JsonSchema {
  if (version !== "1") return schema;
  const { properties = {}, required = [] } = schema as {
    readonly properties?: Row;
    readonly required?: readonly string[];
  };
  return {
    ...schema,
    properties: renamed(properties, formerNames),
    required: required.map((name) => formerNames[name] ?? name),
  };
}

/** The schema of an envelope around data of a schema. */
export function envelopeSchema(version: Version, shape: "record" | "page" | "groups", data: JsonSchema): JsonSchema {
  const success = { const: true };
  if (version === "1") return object({ success, data, count: { type: "integer", minimum: 0 } });
  const meta = object({ version: { const: "2" }, timestamp: { type: "string", format: "date-time" } });
  if (shape !== "page") return object({ success, data, meta });
  const integer = { type: "integer", minimum: 0 };
  const pagination = object({ total: integer, page: integer, limit: integer, pages: integer });
  return object({ success, data, pagination, meta });
}

const object = (properties: Readonly<Record<string, JsonSchema>>): JsonSchema => ({
  type: "object",
  properties,
  required: Object.keys(properties),
});

const inverse = (names: Names): Names => Object.fromEntries(Object.entries(names).map(([now, then]) => [then, now]));

const renamed = (row: Row, names: Names): Row =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [names[name] ?? name, value]));

/** Of a record, a list of records, or a list of groups of them. */
function inFormerNames(data: string, names: Names): string {
  if (Object.keys(names).length === 0) return data;
  const convert = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(convert);
    const row = value as Row;
    return Array.isArray(row.items) ? { ...row, items: convert(row.items) } : renamed(row, names);
  };
  return JSON.stringify(convert(JSON.parse(data)));
}
