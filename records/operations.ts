// What can be done with a resource over HTTP: each operation with its path and its schemas. The services answer them, the gateway offers them.
import { type Field, type FilterKind, fieldsOf, type JsonSchema, type Resource } from "./resource.ts";

type Kind = "list" | "create" | "read" | "replace" | "change" | "listUnder" | "createUnder" | "listByParents";

export interface Parent {
  /** The parent's path, such as `patients`. */
  readonly name: string;
  /** What one of them is called: `patient`. */
  readonly one: string;
  /** The field of the child that names it: `patientId`. */
  readonly field: string;
}

export interface Operation {
  readonly kind: Kind;
  readonly method: "GET" | "POST" | "PUT" | "PATCH";
  /** The route's template, such as `/patients/:id/appointments`. */
  readonly path: string;
  readonly summary: string;
  readonly resource: Resource;
  readonly parent?: Parent;
  readonly params?: JsonSchema;
  readonly querystring?: JsonSchema;
  readonly body?: JsonSchema;
  readonly status: 200 | 201;
  /** `page`: `{ items, page, limit, total }`. `groups`: `{ groups: [{ id, items }] }`. */
  readonly shape: "record" | "page" | "groups";
  readonly answer: JsonSchema;
}

export const limits = { ids: 100, page: 100, default: 20 } as const;

export const operationsOf = (resource: Resource): readonly Operation[] => [
  ...ofAll(resource),
  ...ofOne(resource),
  ...parentsOf(resource).flatMap((parent) => ofParent(resource, parent)),
];

export const parentsOf = ({ under = {} }: Resource): readonly Parent[] =>
  Object.entries(under).map(([name, field]) => ({ name, one: name.replace(/s$/, "").replaceAll("-", " "), field }));

function ofAll(resource: Resource): readonly Operation[] {
  const common = { resource, path: `/${resource.name}` };
  return [
    {
      ...common,
      kind: "list",
      method: "GET",
      summary: `A page of ${words(resource.name)}`,
      querystring: listSchema(resource),
      status: 200,
      shape: "page",
      answer: pageSchema(resource),
    },
    {
      ...common,
      kind: "create",
      method: "POST",
      summary: `Makes ${a(resource.one)}`,
      body: bodySchema(resource),
      status: 201,
      shape: "record",
      answer: recordSchema(resource),
    },
  ];
}

function ofOne(resource: Resource): readonly Operation[] {
  const common = {
    resource,
    path: `/${resource.name}/:id`,
    params: idSchema,
    status: 200,
    shape: "record",
    answer: recordSchema(resource),
  } as const;
  const body = bodySchema(resource);
  return [
    { ...common, kind: "read", method: "GET", summary: capital(`${a(resource.one)}`) },
    {
      ...common,
      kind: "replace",
      method: "PUT",
      summary: `Replaces ${a(resource.one)}: what is left out is set back to its default`,
      body,
    },
    {
      ...common,
      kind: "change",
      method: "PATCH",
      summary: `Changes some fields of ${a(resource.one)}`,
      body: { ...body, required: [], minProperties: 1 },
    },
  ];
}

/** The records of one parent, and of many parents at once for callers that would ask one by one. */
function ofParent(resource: Resource, parent: Parent): readonly Operation[] {
  const { field, one } = parent;
  const common = { resource, parent, path: `/${parent.name}/:id/${resource.name}`, params: idSchema };
  const list = listSchema(resource);
  const body = bodySchema(resource);
  return [
    {
      ...common,
      kind: "listUnder",
      method: "GET",
      summary: `A page of the ${words(resource.name)} of ${a(one)}`,
      querystring: { ...list, properties: without(list.properties, field) },
      status: 200,
      shape: "page",
      answer: pageSchema(resource),
    },
    {
      ...common,
      kind: "createUnder",
      method: "POST",
      summary: `Makes ${a(resource.one)} of ${a(one)}`,
      body: {
        ...body,
        properties: without(body.properties, field),
        required: (body.required as readonly string[]).filter((name) => name !== field),
      },
      status: 201,
      shape: "record",
      answer: recordSchema(resource),
    },
    {
      resource,
      parent,
      path: `/${resource.name}/by-${one.replaceAll(" ", "-")}`,
      kind: "listByParents",
      method: "GET",
      summary: `The first ${words(resource.name)} of each of up to ${limits.ids} ${words(parent.name)}`,
      querystring: manySchema,
      status: 200,
      shape: "groups",
      answer: groupsSchema(resource),
    },
  ];
}

const words = (name: string): string => name.replaceAll("-", " ");
const a = (one: string): string => `${/^[aeiou]/.test(one) ? "an" : "a"} ${one}`;
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const without = (properties: unknown, name: string): JsonSchema => {
  const { [name]: _, ...rest } = properties as JsonSchema;
  return rest;
};

const idPattern = "[1-9][0-9]{0,8}";
const idSchema: JsonSchema = {
  type: "object",
  required: ["id"],
  properties: { id: { type: "string", pattern: `^${idPattern}$` } },
};
const pageNumber = { type: "string", pattern: "^[1-9][0-9]{0,6}$", default: "1" };
const pageLimit = { type: "string", pattern: `^([1-9][0-9]?|${limits.page})$`, default: String(limits.default) };
const idList = { type: "string", pattern: `^${idPattern}(,${idPattern}){0,${limits.ids - 1}}$` };
const manySchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["ids"],
  properties: { ids: idList, limit: pageLimit },
};

/** Query parameters are texts; each filter's pattern follows from its field. */
function listSchema(resource: Resource): JsonSchema {
  const fields = fieldsOf(resource);
  const filters = Object.fromEntries(
    Object.entries(resource.filters).map(([name, [field, kind]]) => [name, filterSchema(fields[field], kind)]),
  );
  const properties = {
    page: pageNumber,
    limit: pageLimit,
    offset: { type: "string", pattern: "^(0|[1-9][0-9]{0,8})$" },
    total: { type: "string", enum: ["true", "false"] },
    ...filters,
  };
  return { type: "object", additionalProperties: false, properties, not: { required: ["page", "offset"] } };
}

function filterSchema(field: Field | undefined, kind: FilterKind): JsonSchema {
  if (kind === "prefix") return { type: "string", minLength: 2, maxLength: 60 };
  if (kind === "from" || kind === "before") return { type: "string", format: "date-time" };
  if (field?.type === "integer") return idList;
  if (field?.type === "boolean") return { type: "string", enum: ["true", "false"] };
  const value = field?.choices === undefined ? "[A-Za-z0-9-]{1,40}" : `(${field.choices.join("|")})`;
  return { type: "string", pattern: `^${value}(,${value}){0,9}$` };
}

function bodySchema({ fields }: Resource): JsonSchema {
  const accepted = Object.entries(fields).filter(([, { readOnly }]) => !readOnly);
  return {
    type: "object",
    additionalProperties: false,
    required: accepted.filter(([, { required }]) => required).map(([name]) => name),
    properties: Object.fromEntries(
      accepted.map(([name, { accepts, nullable }]) => [
        name,
        nullable ? { anyOf: [accepts, { type: "null" }] } : accepts,
      ]),
    ),
  };
}

const shown = { text: "string", integer: "integer", boolean: "boolean", date: "string", timestamp: "string" } as const;

const recordSchema = (resource: Resource): JsonSchema => ({
  type: "object",
  properties: Object.fromEntries(
    Object.entries(fieldsOf(resource)).map(([name, { type, nullable }]) => [
      name,
      { type: nullable ? [shown[type], "null"] : shown[type] },
    ]),
  ),
});

const pageSchema = (resource: Resource): JsonSchema => ({
  type: "object",
  properties: {
    items: { type: "array", items: recordSchema(resource) },
    page: { type: "integer" },
    limit: { type: "integer" },
    total: { type: "integer" },
  },
});

const groupsSchema = (resource: Resource): JsonSchema => ({
  type: "object",
  properties: {
    groups: {
      type: "array",
      items: {
        type: "object",
        properties: { id: { type: "integer" }, items: { type: "array", items: recordSchema(resource) } },
      },
    },
  },
});
