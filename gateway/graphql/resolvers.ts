// What each field of the graph is made of: the same routes, roles and cache as REST, and one request for many parents at once.
import { HttpProblem } from "../../components/server.ts";
import { limits } from "../../records/operations.ts";
import type { Telemetry } from "../../telemetry/service.ts";
import { authorize, type Caller } from "../callers.ts";
import type { Content, Row } from "../content.ts";
import type { Exchange } from "../exchange.ts";
import type { Route } from "../route.ts";
import type { Asked } from "../tags.ts";
import { mostPerList, patientLists, types } from "./schema.ts";

/** So many a route takes at once. */
const most = limits.ids;

/** What a request brings along to every resolver. */
export interface Context {
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

export interface ResolverOptions {
  readonly routes: readonly Route[];
  readonly exchange: Exchange;
  readonly tracer: Telemetry["tracer"];
}

type Arguments = Readonly<Record<string, unknown>>;

export function createResolvers({ routes, exchange, tracer }: ResolverOptions) {
  const routeOf = (type: string, kind: Route["operation"]["kind"], parent?: string): Route => {
    const name = types[type]?.name;
    const found = routes.find(
      ({ operation }) =>
        operation.resource.name === name && operation.kind === kind && operation.parent?.name === parent,
    );
    if (found === undefined) throw new HttpProblem(503, "The service behind this field is not configured.");
    return found;
  };
  const inSpan = <T>(field: string, work: () => Promise<T>): Promise<T> =>
    tracer.startActiveSpan("resolve", { attributes: { "graphql.field": field } }, (span) =>
      work().finally(() => span.end()),
    );

  const read = async (route: Route, some: Partial<Asked>, { caller, signal }: Context): Promise<unknown> => {
    authorize(caller, route.roles);
    const asked = { params: {}, query: {}, ...some };
    const near = exchange.near(route, asked, caller);
    if (near !== undefined) return parsed(near);
    const found = await exchange.read(route, asked, caller, { mode: "use", signal });
    if (found.kind === "content") return parsed(found.content);
    if (found.answer.status === 404) return null;
    throw refusal(found.answer.status);
  };
  const one = (type: string, id: unknown, context: Context): Promise<unknown> =>
    read(routeOf(type, "read"), { params: { id: idOf(id) } }, context);
  const create = async (type: string, { input }: Arguments, { caller, signal }: Context): Promise<unknown> => {
    const route = routeOf(type, "create");
    authorize(caller, route.roles);
    const written = await exchange.write(route, { params: {}, query: {} }, input as Row, signal);
    if (written.kind === "refused") throw refusal(written.answer.status);
    return parsed(written.content);
  };

  /** What a route answers about many: a request for each hundred of them. */
  const ofMany = async <T>(route: Route, many: readonly number[], limit: number, context: Context) => {
    const ids = [...new Set(many)];
    const chunks = Array.from({ length: Math.ceil(ids.length / most) }, (_, at) =>
      ids.slice(at * most, (at + 1) * most),
    );
    const query = (chunk: readonly number[]) => ({ ids: chunk.join(","), limit: String(limit) });
    const found = await Promise.all(chunks.map((chunk) => read(route, { query: query(chunk) }, context)));
    return found.flat() as readonly T[];
  };
  /** The records of many patients. */
  const ofPatients = async (type: string, patients: readonly number[], limit: number, context: Context) => {
    const groups = await ofMany<Group>(routeOf(type, "listByParents", "patients"), patients, limit, context);
    return new Map(groups.map(({ id, items }) => [id, items]));
  };

  return {
    resolvers: {
      Query: {
        patient: (_: unknown, { id }: Arguments, context: Context) =>
          inSpan("Query.patient", () => one("Patient", id, context)),
        appointment: (_: unknown, { id }: Arguments, context: Context) =>
          inSpan("Query.appointment", () => one("Appointment", id, context)),
        patients: (_: unknown, { limit, offset }: Arguments, context: Context) =>
          inSpan("Query.patients", () =>
            read(routeOf("Patient", "list"), { query: pageOf(perList(limit), offset) }, context),
          ),
      },
      Mutation: {
        createPatient: (_: unknown, args: Arguments, context: Context) =>
          inSpan("Mutation.createPatient", () => create("Patient", args, context)),
        createAppointment: (_: unknown, args: Arguments, context: Context) =>
          inSpan("Mutation.createAppointment", () => create("Appointment", args, context)),
      },
    },
    loaders: {
      Patient: Object.fromEntries(
        Object.entries(patientLists).map(([field, type]) => [
          field,
          (queries: readonly Asking[], context: Context) =>
            inSpan(`Patient.${field}`, async () => {
              const byTheirs = Map.groupBy(queries, ({ params }) => perList(params.limit));
              const found = await Promise.all(
                [...byTheirs].map(async ([limit, some]) => {
                  const ids = some.map(({ obj }) => Number(obj.id));
                  return [limit, await ofPatients(type, ids, limit, context)] as const;
                }),
              );
              const byLimit = new Map(found);
              return queries.map(({ obj, params }) => byLimit.get(perList(params.limit))?.get(Number(obj.id)) ?? []);
            }),
        ]),
      ),
      Appointment: {
        patient: (queries: readonly Asking[], context: Context) =>
          inSpan("Appointment.patient", async () => {
            const ids = [...new Set(queries.map(({ obj }) => Number(obj.patientId)))];
            const found =
              ids.length === 1
                ? [(await one("Patient", ids[0], context)) as Row | null]
                : await ofMany<Row>(routeOf("Patient", "list"), ids, mostPerList, context);
            const patients = new Map(found.map((each) => [Number(each?.id), each]));
            return queries.map(({ obj }) => patients.get(Number(obj.patientId)) ?? null);
          }),
      },
    },
  };
}

interface Asking {
  readonly obj: Row;
  readonly params: Arguments;
}

interface Group {
  readonly id: number;
  readonly items: readonly Row[];
}

const values = new WeakMap<Content, unknown>();

/** What a process keeps is parsed once. Nobody changes it: it is shared. */
function parsed(content: Content): unknown {
  if (!values.has(content)) values.set(content, JSON.parse(content.data));
  return values.get(content);
}

const refusal = (status: number): HttpProblem =>
  new HttpProblem(
    status,
    status === 422 || status === 409
      ? "The record cannot be as it was sent."
      : "The service behind this field refused.",
  );

function idOf(id: unknown): string {
  if (!/^[1-9]\d{0,8}$/.test(String(id))) throw new HttpProblem(400, "An id is a whole number above 0.");
  return String(id);
}

function perList(limit: unknown): number {
  if (typeof limit === "number" && limit >= 1 && limit <= mostPerList) return limit;
  throw new HttpProblem(400, `A limit is from 1 to ${mostPerList}.`);
}

/** As a page where it is one, so that it is the same answer as that of REST. */
function pageOf(limit: number, offset: unknown): Readonly<Record<string, string>> {
  if (typeof offset !== "number" || offset < 0) throw new HttpProblem(400, "An offset is 0 or more.");
  const place = offset % limit === 0 ? { page: String(offset / limit + 1) } : { offset: String(offset) };
  return { limit: String(limit), ...place };
}
