// GraphQL at POST /graphql: limits of depth and cost, errors that tell a status and nothing of ours, answers made small.
import { SpanStatusCode, trace } from "@opentelemetry/api";
import type { FastifyInstance, FastifyReply } from "fastify";
import { type ExecutionResult, type GraphQLError, Kind, NoSchemaIntrospectionCustomRule } from "graphql";
import mercurius from "mercurius";
import { departure } from "../../components/departure.ts";
import { HttpProblem } from "../../components/server.ts";
import type { JsonSchema } from "../../records/resource.ts";
import { failureOf } from "../../telemetry/failure.ts";
import type { ServiceTelemetry } from "../../telemetry/service.ts";
import type { Admit } from "../admission.ts";
import { sendText, textOf } from "../compression.ts";
import type { Measures } from "../measures.ts";
import { complexityOf, mostComplexity } from "./complexity.ts";
import { createResolvers, type ResolverOptions } from "./resolvers.ts";
import { sdl } from "./schema.ts";
import { faultOf, type Values } from "./variables.ts";

export interface GraphqlOptions extends Omit<ResolverOptions, "tracer"> {
  readonly admit: Admit;
  readonly measures: Measures;
  readonly telemetry: Pick<ServiceTelemetry<Record<never, never>, never>, "log" | "reports" | "tracer">;
  /** Whether callers may ask for the schema. */
  readonly introspection: boolean;
}

export const graphqlPath = "/graphql";
const mostDepth = 6;
const mostTokens = 2_000;
/** A document is kept taken apart, which is up to 1 MB: programs have few of them, and each as often as they ask. */
const mostDocuments = 50;

export const graphqlBody: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["query"],
  properties: {
    query: { type: "string", minLength: 1, maxLength: 20_000 },
    variables: { type: ["object", "null"] },
    operationName: { type: ["string", "null"], maxLength: 100 },
  },
};

interface Body {
  readonly query: string;
  readonly variables?: Values | null;
  readonly operationName?: string | null;
}

export async function addGraphql(app: FastifyInstance, options: GraphqlOptions): Promise<void> {
  const { admit, measures, introspection, telemetry } = options;
  await app.register(mercurius, {
    schema: sdl,
    ...(createResolvers({ ...options, tracer: telemetry.tracer }) as object),
    routes: false,
    cache: mostDocuments,
    queryDepth: mostDepth,
    // To compare all fields with each other takes a second where there are thousands.
    graphql: { parseOptions: { maxTokens: mostTokens } },
    // Errors stay as they are until `shown` has told what is meant for callers.
    errorFormatter: ({ data = null, errors }) => ({ statusCode: 200, response: { data, ...(errors && { errors }) } }),
    ...(introspection ? {} : { validationRules: [NoSchemaIntrospectionCustomRule] }),
  });
  app.graphql.addHook("preExecution", async (_schema, document, _context, variables) => {
    if (complexityOf(document, variables ?? {}) > mostComplexity)
      throw new HttpProblem(400, `The query could bring more than ${mostComplexity} fields.`);
  });
  const messageOf = (error: GraphQLError, variables: Values): string => {
    const { nodes, originalError, message } = error;
    const [node] = nodes ?? [];
    if (originalError !== undefined && node?.kind === Kind.VARIABLE_DEFINITION)
      return faultOf(node, variables, app.graphql.schema, introspection);
    // Whoever may not ask for the schema does not get it by guesses: of a field or a value graphql-js says what it knows.
    const ofSchema = nodes?.some(({ kind }) => kind !== Kind.VARIABLE_DEFINITION) === true;
    return ofSchema && !introspection ? "The document does not fit the schema here." : message;
  };
  app.post(graphqlPath, {
    schema: { body: graphqlBody },
    onRequest: async (request, reply) => {
      reply.headers({ vary: "accept-encoding, authorization, origin", "cache-control": "no-store" });
      request.caller = await admit(request, reply);
    },
    handler: async (request, reply) => {
      const { query, variables, operationName } = request.body as Body;
      const context = { caller: request.caller, signal: departure(reply) };
      const given = (variables ?? {}) as Record<string, unknown>;
      try {
        const result = await reply.graphql(query, context, given, operationName ?? undefined);
        measures.queried(result.errors?.length ?? 0);
        for (const error of result.errors ?? []) tell(error, telemetry);
        return send(reply, 200, withErrors(result));
      } catch (thrown) {
        measures.queried(1);
        return send(reply, 400, { data: null, errors: errorsOf(thrown, (error) => messageOf(error, given)) });
      }
    },
  });
}

async function send(reply: FastifyReply, status: number, body: object): Promise<void> {
  reply.code(status).type("application/json; charset=utf-8");
  await sendText(reply, textOf(JSON.stringify(body)));
}

interface Shown {
  readonly message: string;
  readonly path?: GraphQLError["path"];
  readonly locations?: GraphQLError["locations"];
  readonly extensions: { readonly status: number };
}

const withErrors = ({ data, errors }: ExecutionResult): object => ({
  data,
  ...(errors === undefined ? {} : { errors: errors.map(shown) }),
});

/** What fails within an answer of 200 is seen where an answer of 500 would be. */
function tell(error: GraphQLError, { log, reports }: GraphqlOptions["telemetry"]): void {
  const { originalError: thrown } = error;
  if (thrown === undefined || shown(error).extensions.status < 500) return;
  const span = trace.getActiveSpan();
  span?.setStatus({ code: SpanStatusCode.ERROR });
  if (thrown instanceof HttpProblem) return;
  const about = { "http.route": graphqlPath, "http.response.status_code": 500 };
  log.error("request failed", { ...about, ...failureOf(thrown) });
  const { traceId: trace_id, spanId: span_id } = span?.spanContext() ?? {};
  reports.report(thrown, { ...about, "http.request.method": "POST", trace_id, span_id });
}

/** Of a document that was not run at all. */
function errorsOf(thrown: unknown, messageOf: (error: GraphQLError) => string): readonly Shown[] {
  if (thrown instanceof HttpProblem) return [{ message: thrown.message, extensions: { status: thrown.status } }];
  const { errors } = thrown as { readonly errors?: readonly GraphQLError[] };
  if (errors === undefined) return [{ message: "The document cannot be run.", extensions: { status: 400 } }];
  const told = errors.map((error) => ({ message: messageOf(error), ...placeOf(error), extensions: { status: 400 } }));
  // How many errors graphql-js finds in one place tells of the schema, too.
  return [...new Map(told.map((each) => [JSON.stringify(each), each])).values()];
}

/** What is not meant for callers is told by nothing but its status. */
function shown(error: GraphQLError): Shown {
  const { message, originalError, nodes } = error;
  const of = (text: string, status: number): Shown => ({ message: text, ...placeOf(error), extensions: { status } });
  if (originalError instanceof HttpProblem) return of(originalError.message, originalError.status);
  if (originalError === undefined) return of(message, 400);
  const [node] = nodes ?? [];
  // One that only its variables made wrong: what fails by itself is a field.
  if (node !== undefined && node.kind !== Kind.FIELD) return of("The argument does not fit its type.", 400);
  return of("The field failed.", 500);
}

const placeOf = ({ path, locations }: GraphQLError): Pick<Shown, "path" | "locations"> => ({
  ...(path && { path }),
  ...(locations && { locations }),
});
