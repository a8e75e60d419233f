// Makes a service of its sheet: its operations as routes, answers in one shape, database failures as statuses.
import type { FastifyInstance, FastifyReply } from "fastify";
import { departure } from "../../components/departure.ts";
import { limits, type Operation, operationsOf } from "../../records/operations.ts";
import type { Resource, ServiceSheet } from "../../records/resource.ts";
import { codeOf, type Database } from "../database.ts";
import { HttpProblem, type Server } from "../http.ts";
import * as queries from "./queries.ts";

type Row = Readonly<Record<string, unknown>>;
type Strings = Readonly<Record<string, string>>;

/** Adds every route of the sheet to the server. */
export function addRoutes({ app, telemetry: { log } }: Server, { resources }: ServiceSheet, database: Database): void {
  const runs =
    (signal: AbortSignal): Run =>
    async (query) => {
      try {
        return await database.query<Row>(query, signal);
      } catch (thrown) {
        if (signal.aborted) throw new HttpProblem(499, "Nobody waits for the answer any more.");
        const problem = problemOf(thrown);
        if (problem.status >= 500) log.error("request failed", { cause: "database", "error.type": codeOf(thrown) });
        throw problem;
      }
    };
  for (const operation of resources.flatMap(operationsOf)) addRoute(app, operation, runs);
}

type Run = (query: queries.Query) => Promise<readonly Row[]>;

function addRoute(app: FastifyInstance, operation: Operation, runs: (signal: AbortSignal) => Run): void {
  const { method, path, params, querystring, body, status, answer } = operation;
  const asked = Object.entries({ params, querystring, body }).filter(([, schema]) => schema !== undefined);
  app.route({
    method,
    url: path,
    schema: { ...Object.fromEntries(asked), response: { [status]: answer } },
    handler: async (request, reply) => {
      const { id = "" } = (request.params ?? {}) as Strings;
      reply.code(status);
      return handlers[operation.kind](
        operation,
        { id, query: request.query as Strings, body: (request.body ?? {}) as Row },
        runs(departure(reply)),
        reply,
      );
    },
  });
}

interface Asked {
  readonly id: string;
  readonly query: Strings;
  readonly body: Row;
}

type Handler = (operation: Operation, asked: Asked, run: Run, reply: FastifyReply) => Promise<unknown>;

const handlers: Readonly<Record<Operation["kind"], Handler>> = {
  list: ({ resource }, { query }, run) => readPage(resource, query, run),
  create: ({ resource }, { body }, run, reply) => make(resource, body, run, reply),
  read: async ({ resource }, { id }, run) => found(resource, await run(queries.byId(resource, id))),
  replace: async ({ resource }, { id, body }, run) =>
    found(resource, await run(queries.update(resource, id, body, true))),
  change: async ({ resource }, { id, body }, run) =>
    found(resource, await run(queries.update(resource, id, body, false))),
  listUnder: async ({ resource, parent }, { id, query }, run) => {
    const { name = "", one = "", field = "" } = parent ?? {};
    const page = await readPage(resource, { ...query, [field]: id }, run);
    if (page.items.length === 0 && (await run(queries.exists(name, id))).length === 0) throw missing(one);
    return page;
  },
  createUnder: async ({ resource, parent }, { id, body }, run, reply) => {
    const { name = "", one = "", field = "" } = parent ?? {};
    if ((await run(queries.exists(name, id))).length === 0) throw missing(one);
    return make(resource, { ...body, [field]: Number(id) }, run, reply);
  },
  listByParents: async ({ resource, parent }, { query: { ids = "", limit = String(limits.default) } }, run) => {
    const { field = "" } = parent ?? {};
    const parents = [...new Set(ids.split(","))];
    const children = Map.groupBy(
      await run(queries.byParents(resource, field, parents, Number(limit))),
      (row) => row[field],
    );
    return { groups: parents.map(Number).map((id) => ({ id, items: children.get(id) ?? [] })) };
  },
};

async function make(resource: Resource, body: Row, run: Run, reply: FastifyReply): Promise<Row | undefined> {
  const [made] = await run(queries.create(resource, body));
  reply.header("location", `/${resource.name}/${made?.id}`);
  return made;
}

function found({ one }: Resource, [record]: readonly Row[]): Row {
  if (record === undefined) throw missing(one);
  return record;
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
