// A resource's SQL. Names come from the sheets alone; everything that a client sends is a parameter.
import { columnOf, type FilterKind, fieldsOf, type Resource, tableOf } from "../../records/resource.ts";

/** What goes to the pool; a name makes it a prepared statement, for texts of which there are few. */
export interface Query {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

export interface Page {
  readonly limit: number;
  readonly offset: number;
}

type Asked = Readonly<Record<string, string>>;

const columns = (resource: Resource): string =>
  Object.keys(fieldsOf(resource))
    .map((field) => `t.${columnOf(field)} AS "${field}"`)
    .join(", ");
const order = ({ latest }: Resource): string =>
  latest === undefined ? "t.id" : `t.${columnOf(latest)} DESC, t.id DESC`;
const arrayType = {
  text: "text[]",
  integer: "integer[]",
  boolean: "boolean[]",
  date: "date[]",
  timestamp: "timestamptz[]",
} as const;

/** One page of a list and, for the same filters, how many there are. */
export function list(
  resource: Resource,
  asked: Asked,
  { limit, offset }: Page,
): { readonly page: Query; readonly total: Query } {
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const conditions = Object.entries(resource.filters).flatMap(([name, [field, kind]]) => {
    const given = asked[name];
    return given === undefined ? [] : [condition(resource, field, kind, given, bind)];
  });
  const from = `FROM ${tableOf(resource.name)} AS t${conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : ""}`;
  const total = { text: `SELECT count(*)::integer AS total ${from}`, values: [...values] };
  const text = `SELECT ${columns(resource)} ${from} ORDER BY ${order(resource)} LIMIT ${bind(limit)} OFFSET ${bind(offset)}`;
  return { page: { text, values }, total };
}

function condition(
  resource: Resource,
  field: string,
  kind: FilterKind,
  given: string,
  bind: (value: unknown) => string,
): string {
  const type = fieldsOf(resource)[field]?.type ?? "text";
  const column = `t.${columnOf(field)}`;
  if (kind === "prefix")
    return `lower(${column}) LIKE ${bind(`${given.toLowerCase().replaceAll(/[\\%_]/g, "\\$&")}%`)}`;
  if (kind === "from") return `${column} >= ${bind(given)}::timestamptz`;
  if (kind === "before") return `${column} < ${bind(given)}::timestamptz`;
  const wanted = given.split(",");
  // With one value an index gives the rows in order already; with an array it cannot.
  return wanted.length === 1
    ? `${column} = ${bind(wanted[0])}`
    : `${column} = ANY(${bind(wanted)}::${arrayType[type]})`;
}

export const byId = (resource: Resource, id: string): Query => ({
  name: `${resource.name}:by-id`,
  text: `SELECT ${columns(resource)} FROM ${tableOf(resource.name)} AS t WHERE t.id = $1`,
  values: [id],
});

export const exists = (name: string, id: string): Query => ({
  name: `${name}:exists`,
  text: `SELECT FROM ${tableOf(name)} WHERE id = $1`,
  values: [id],
});

/** The first `limit` of each of many parents, in one query. Their rows have the parent's id in a column of that field's name. */
export const byParents = (resource: Resource, field: string, ids: readonly string[], limit: number): Query => ({
  name: `${resource.name}:by-${field}`,
  text: `SELECT child.* FROM unnest($1::integer[]) AS parent (id)
    CROSS JOIN LATERAL (
      SELECT ${columns(resource)} FROM ${tableOf(resource.name)} AS t WHERE t.${columnOf(field)} = parent.id ORDER BY ${order(resource)} LIMIT $2) AS child`,
  values: [ids, limit],
});

type Body = Readonly<Record<string, unknown>>;

/** `body` has passed the route's schema, so its keys are fields of the sheet. */
export function create(resource: Resource, body: Body): Query {
  const names = Object.keys(body);
  return {
    text: `INSERT INTO ${tableOf(resource.name)} AS t (${names.map(columnOf).join(", ")}) VALUES (${names.map((_, index) => `$${index + 1}`).join(", ")}) RETURNING ${columns(resource)}`,
    values: Object.values(body),
  };
}

/** Changes what the body has. A replacement sets every other field back to its default. */
export function update(resource: Resource, id: string, body: Body, replace: boolean): Query {
  const rest = replace
    ? Object.entries(resource.fields).flatMap(([name, { readOnly }]) =>
        readOnly || name in body ? [] : [`${columnOf(name)} = DEFAULT`],
      )
    : [];
  const changes = [
    ...Object.keys(body).map((name, index) => `${columnOf(name)} = $${index + 2}`),
    ...rest,
    "updated_at = now()",
  ];
  return {
    text: `UPDATE ${tableOf(resource.name)} AS t SET ${changes.join(", ")} WHERE t.id = $1 RETURNING ${columns(resource)}`,
    values: [id, ...Object.values(body)],
  };
}
