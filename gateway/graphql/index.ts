// GraphQL at POST /graphql: limits of depth and cost, errors that tell a status and nothing of ours, answers made small.
import type { FastifyInstance, FastifyReply } from "fastify";
import { type ExecutionResult, type GraphQLError, NoSchemaIntrospectionCustomRule } from "graphql";
import mercurius from "mercurius";
import { HttpProblem } from "../../components/server.ts";
import type { JsonSchema } from "../../records/resource.ts";
import type { Admit } from "../admission.ts";
import { compress, encodingFor } from "../compression.ts";
import { departure } from "../departure.ts";
import type { Measures } from "../measures.ts";
import { complexityOf, mostComplexity } from "./complexity.ts";
import { createResolvers, type ResolverOptions } from "./resolvers.ts";
import { sdl } from "./schema.ts";

export interface GraphqlOptions extends ResolverOptions {
  readonly admit: Admit;
  readonly measures: Measures;
  /** Whether callers may ask for the schema. */
  readonly introspection: boolean;
}

export const graphqlPath = "/graphql";
const mostDepth = 6;
const mostTokens = 2_000;

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
  readonly variables?: Readonly<Record<string, unknown>> | null;
  readonly operationName?: string | null;
}

export async function addGraphql(app: FastifyInstance, options: GraphqlOptions): Promise<void> {
  const { admit, measures, introspection } = options;
  await app.register(mercurius, {
    schema: sdl,
    ...(createResolvers(options) as object),
    routes: false,
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
        return send(reply, 200, withErrors(result));
      } catch (thrown) {
        measures.queried(1);
        return send(reply, 400, { data: null, errors: errorsOf(thrown) });
      }
    },
  });
}

async function send(reply: FastifyReply, status: number, body: object): Promise<FastifyReply> {
  const text = JSON.stringify(body);
  reply.code(status).type("application/json; charset=utf-8");
  const encoding = encodingFor(reply.request.headers["accept-encoding"], text);
  if (encoding === undefined) return reply.send(text);
  return reply.header("content-encoding", encoding).send(await compress(encoding, text));
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

/** Of a document that was not run at all. */
function errorsOf(thrown: unknown): readonly Shown[] {
  if (thrown instanceof HttpProblem) return [{ message: thrown.message, extensions: { status: thrown.status } }];
  const { errors } = thrown as { readonly errors?: readonly GraphQLError[] };
  return errors?.map(shown) ?? [{ message: "The document cannot be run.", extensions: { status: 400 } }];
}

/** What is not meant for callers is told by nothing but its status. */
function shown(error: GraphQLError): Shown {
  const { path, locations, originalError } = error;
  const place = { ...(path && { path }), ...(locations && { locations }) };
  if (originalError instanceof HttpProblem)
    return { message: originalError.message, ...place, extensions: { status: originalError.status } };
  if (originalError === undefined) return { message: error.message, ...place, extensions: { status: 400 } };
  return { message: "The field failed.", ...place, extensions: { status: 500 } };
}
