// Makes a service of its sheet: routes with schemas, answers in one shape, database failures as statuses.
import type { FastifyInstance } from "fastify";
import { codeOf, type Database } from "../database.ts";
import { HttpProblem, type Server } from "../http.ts";
import * as queries from "./queries.ts";
import {
  type Field,
  type FilterKind,
  fieldsOf,
  type JsonSchema,
  type Resource,
  type ServiceSheet,
} from "./resource.ts";

type Row = Readonly<Record<string, unknown>>;
type Strings = Readonly<Record<string, string>>;

const idPattern = "[1-9][0-9]{0,8}";
const params: JsonSchema = {
  type: "object",
  required: ["id"],
  properties: { id: { type: "string", pattern: `^${idPattern}$` } },
};
const limits = { ids: 100, page: 100, default: 20 } as const;

/** Adds every route of the sheet to the server. */
export function addRoutes({ app, telemetry: { log } }: Server, { resources }: ServiceSheet, database: Database): void {
  const run = async (query: queries.Query): Promise<readonly Row[]> => {
    try {
      return await database.query<Row>(query);
    } catch (thrown) {
      const problem = problemOf(thrown);
      if (problem.status >= 500) log.error("request failed", { cause: "database", "error.type": codeOf(thrown) });
      throw problem;
    }
  };
  for (const resource of resources) {
    addList(app, resource, run);
    addRecord(app, resource, run);
    for (const [parent, field] of Object.entries(resource.under ?? {})) addUnder(app, resource, parent, field, run);
  }
}

type Run = (query: queries.Query) => Promise<readonly Row[]>;

/** GET and POST on the whole. */
function addList(app: FastifyInstance, resource: Resource, run: Run): void {
  const path = `/${resource.name}`;
  app.get(
    path,
    { schema: { querystring: listSchema(resource), response: { 200: pageSchema(resource) } } },
    async (request) => readPage(resource, request.query as Strings, run),
  );
  app.post(
    path,
    { schema: { body: bodySchema(resource), response: { 201: recordSchema(resource) } } },
    async (request, reply) => {
      const [made] = await run(queries.create(resource, request.body as Row));
      return reply.code(201).header("location", `${path}/${made?.id}`).send(made);
    },
  );
}

/** GET, PUT and PATCH of one record. */
function addRecord(app: FastifyInstance, resource: Resource, run: Run): void {
  const path = `/${resource.name}/:id`;
  const response = { 200: recordSchema(resource) };
  const found = ([record]: readonly Row[]): Row => {
    if (record === undefined) throw missing(resource.one);
    return record;
  };
  const idOf = (request: { readonly params: unknown }): string => (request.params as Strings).id ?? "";
  app.get(path, { schema: { params, response } }, async (request) =>
    found(await run(queries.byId(resource, idOf(request)))),
  );
  app.put(path, { schema: { params, body: bodySchema(resource), response } }, async (request) =>
    found(await run(queries.update(resource, idOf(request), request.body as Row, true))),
  );
  app.patch(
    path,
    { schema: { params, body: { ...bodySchema(resource), required: [], minProperties: 1 }, response } },
    async (request) => found(await run(queries.update(resource, idOf(request), request.body as Row, false))),
  );
}

/** The records of one parent, and of many parents at once for callers that would ask one by one. */
function addUnder(app: FastifyInstance, resource: Resource, parent: string, field: string, run: Run): void {
  const path = `/${parent}/:id/${resource.name}`;
  const one = parent.replace(/s$/, "").replaceAll("-", " ");
  const { [field]: _, ...properties } = listSchema(resource).properties as Record<string, JsonSchema>;
  app.get(
    path,
    {
      schema: { params, querystring: { ...listSchema(resource), properties }, response: { 200: pageSchema(resource) } },
    },
    async (request) => {
      const { id = "" } = request.params as Strings;
      const page = await readPage(resource, { ...(request.query as Strings), [field]: id }, run);
      if (page.items.length === 0 && (await run(queries.exists(parent, id))).length === 0) throw missing(one);
      return page;
    },
  );
  const { properties: fields, required, ...body } = bodySchema(resource);
  const { [field]: __, ...ownFields } = fields as Record<string, JsonSchema>;
  const own = {
    ...body,
    properties: ownFields,
    required: (required as readonly string[]).filter((name) => name !== field),
  };
  app.post(
    path,
    { schema: { params, body: own, response: { 201: recordSchema(resource) } } },
    async (request, reply) => {
      const { id = "" } = request.params as Strings;
      if ((await run(queries.exists(parent, id))).length === 0) throw missing(one);
      const [made] = await run(queries.create(resource, { ...(request.body as Row), [field]: Number(id) }));
      return reply.code(201).header("location", `/${resource.name}/${made?.id}`).send(made);
    },
  );
  const groups = {
    type: "array",
    items: {
      type: "object",
      properties: { id: { type: "integer" }, items: { type: "array", items: recordSchema(resource) } },
    },
  };
  app.get(
    `/${resource.name}/by-${one.replaceAll(" ", "-")}`,
    { schema: { querystring: manySchema, response: { 200: { type: "object", properties: { groups } } } } },
    async (request) => {
      const { ids = "", limit = String(limits.default) } = request.query as Strings;
      const parents = [...new Set(ids.split(","))];
      const children = Map.groupBy(
        await run(queries.byParents(resource, field, parents, Number(limit))),
        (row) => row[field],
      );
      return { groups: parents.map(Number).map((id) => ({ id, items: children.get(id) ?? [] })) };
    },
  );
}

interface PageAnswer {
  readonly items: readonly Row[];
  readonly page: number;
  readonly limit: number;
  readonly total?: number;
}

async function readPage(resource: Resource, asked: Strings, run: Run): Promise<PageAnswer> {
  const limit = Number(asked.limit ?? limits.default);
  const offset = asked.offset === undefined ? (Number(asked.page ?? 1) - 1) * limit : Number(asked.offset);
  const { page, total } = queries.list(resource, asked, { limit, offset });
  const items = await run(page);
  const answer = { items, page: Math.floor(offset / limit) + 1, limit };
  if (asked.total === "false") return answer;
  // A short page that is not past the end tells the total by itself.
  if (items.length > 0 && items.length < limit) return { ...answer, total: offset + items.length };
  return { ...answer, total: ((await run(total))[0]?.total as number | undefined) ?? 0 };
}

const missing = (one: string): HttpProblem => new HttpProblem(404, `There is no such ${one}.`);

/** The status that a database failure means to the caller; a statement's own message may quote rows. */
function problemOf(thrown: unknown): HttpProblem {
  const code = (thrown as { code?: unknown }).code;
  if (code === "23503") return new HttpProblem(422, "A field refers to a record that does not exist.");
  if (code === "23505") return new HttpProblem(409, "A record with this key exists already.");
  if (code === "23502" || code === "23514")
    return new HttpProblem(422, "A field has a value that the record may not have.");
  if (typeof code === "string" && code.startsWith("22"))
    return new HttpProblem(400, "A field has a value that cannot be stored.");
  return new HttpProblem(503, "The database did not answer in time.");
}

const pageNumber = { type: "string", pattern: "^[1-9][0-9]{0,6}$" };
const pageLimit = { type: "string", pattern: `^([1-9][0-9]?|${limits.page})$` };
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
      { type: shown[type], ...(nullable ? { nullable: true } : {}) },
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
