// The REST API as an OpenAPI 3.1 document, out of the routes; each request has an example that works on the demo's data.
import { type Field, fieldsOf, type JsonSchema } from "../records/resource.ts";
import { schemaOf } from "./api.ts";
import { graphqlBody, graphqlPath } from "./graphql/index.ts";
import { prefix, type Route } from "./route.ts";
import { bodySchema, envelopeSchema, type Version, versionHeader, versions } from "./versions.ts";

export interface Document {
  readonly openapi: "3.1.0";
  readonly info: JsonSchema;
  readonly security: readonly JsonSchema[];
  readonly tags: readonly JsonSchema[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, JsonSchema>>>>;
  readonly components: Readonly<Record<string, JsonSchema>>;
}

type Properties = Readonly<Record<string, JsonSchema>>;

export function openApi(routes: readonly Route[]): Document {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  const add = (path: string, method: string, operation: JsonSchema): void => {
    paths[path] = { ...paths[path], [method]: operation };
  };
  for (const [index, route] of routes.entries())
    for (const version of versions) {
      const { path, method } = route.operation;
      // Some names may be there only once: each example has another.
      const name = `Example ${version}-${index}`;
      add(`${prefix}/v${version}${inBraces(path)}`, method.toLowerCase(), describe(route, version, name));
    }
  for (const [path, [summary, type]] of Object.entries(operations))
    add(path, "get", { summary, security: [], responses: { 200: { description: summary, content: { [type]: {} } } } });
  add(graphqlPath, "post", graphql);
  const schemas = routes.flatMap((route) =>
    versions.map((version): readonly [string, JsonSchema] => [
      schemaName(route, version),
      recordSchema(route, version),
    ]),
  );
  return {
    openapi: "3.1.0",
    info: {
      title: "The clinic's API",
      version: "2.0.0",
      description: `Without a version in the path, the header ${versionHeader} counts, and without either version 1.`,
    },
    security: [{ bearer: [] }],
    tags: [...new Set(routes.map(({ operation }) => operation.resource.name))].map((name) => ({ name })),
    paths,
    components: {
      schemas: { ...Object.fromEntries(schemas), Problem: problem },
      securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
    },
  };
}

/** What every program of ours answers. */
const operations: Readonly<Record<string, readonly [summary: string, type: string]>> = {
  "/healthz": ["The process is alive", "application/json"],
  "/readyz": ["The gateway takes requests", "application/json"],
  "/metrics": ["Its metrics, at the port of its own that operations have", "text/plain"],
  "/openapi.json": ["This document", "application/json"],
  "/docs": ["This document for people", "text/html"],
};

const graphql: JsonSchema = {
  summary: "A GraphQL operation",
  description: "Patients with their appointments, medications and lab orders; the roles are those of the paths above.",
  requestBody: {
    required: true,
    content: {
      "application/json": {
        schema: graphqlBody,
        example: {
          query: "query ($id: ID!) { patient(id: $id) { givenName appointments(limit: 5) { startsAt } } }",
          variables: { id: "1" },
        },
      },
    },
  },
  responses: {
    200: {
      description: "What was asked for; fields that failed are null and named in errors.",
      content: {
        "application/json": {
          schema: {
            type: "object",
            required: ["data"],
            properties: { data: { type: ["object", "null"] }, errors: { type: "array", items: { type: "object" } } },
          },
        },
      },
    },
    400: { description: "The document cannot be run.", content: { "application/json": {} } },
    401: { description: "The caller is nobody.", content: { "application/problem+json": {} } },
    429: { description: "The caller asks too often.", content: { "application/problem+json": {} } },
  },
};

const problem: JsonSchema = {
  type: "object",
  required: ["type", "title", "status"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
  },
};

function describe(route: Route, version: Version, name: string): JsonSchema {
  const { operation, cache } = route;
  const { method, resource, path, summary, status, shape } = operation;
  const { params, querystring, body } = schemaOf(route, version) as Readonly<Record<string, JsonSchema | undefined>>;
  const record = { $ref: `#/components/schemas/${schemaName(route, version)}` };
  const list = { type: "array", items: record };
  const group = { type: "object", required: ["id", "items"], properties: { id: { type: "integer" }, items: list } };
  const data = { record, page: list, groups: { type: "array", items: group } }[shape];
  const refusals = [400, 401, 403, ...(method === "GET" ? [] : [409, 413, 415, 422]), 404, 429, 502, 503, 504];
  return {
    operationId: `${method.toLowerCase()}V${version}${path.replaceAll(/[^a-z]+(.)/gi, (_, letter: string) => letter.toUpperCase())}`,
    summary,
    description: `Needs one of the roles ${route.roles.join(", ")}.`,
    tags: [resource.name],
    ...(version === "1" ? { deprecated: true } : {}),
    parameters: [...parametersOf("path", params), ...parametersOf("query", querystring)],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { "application/json": { schema: body, example: exampleOf(route, version, body, name) } },
          },
        }),
    responses: {
      [status]: {
        description: summary,
        headers: {
          ...(cache === undefined ? {} : { ETag: text, "X-Cache": text }),
          ...(status === 201 ? { Location: text } : {}),
        },
        content: { "application/json": { schema: envelopeSchema(version, shape, data) } },
      },
      ...(method === "GET" ? { 304: { description: "The client has the same already." } } : {}),
      ...Object.fromEntries(
        refusals.toSorted().map((code) => [
          code,
          {
            description: "A problem document (RFC 9457).",
            content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
          },
        ]),
      ),
    },
  };
}

const text = { schema: { type: "string" } };
const inBraces = (path: string): string => path.replaceAll(/:(\w+)/g, "{$1}");

const schemaName = ({ operation: { resource }, formerNames }: Route, version: Version): string => {
  const name = resource.one.replaceAll(/(?:^|\W)(\w)/g, (_, letter: string) => letter.toUpperCase());
  return version === "1" && Object.keys(formerNames).length > 0 ? `${name}V1` : name;
};

function recordSchema({ operation: { resource }, formerNames }: Route, version: Version): JsonSchema {
  const properties = Object.fromEntries(
    Object.entries(fieldsOf(resource)).map(([name, field]) => [name, shown(field)]),
  );
  return bodySchema(version, formerNames, { type: "object", properties, required: Object.keys(properties) });
}

const shown = ({ accepts, nullable }: Field): JsonSchema =>
  nullable ? { anyOf: [accepts, { type: "null" }] } : accepts;

const parametersOf = (place: "path" | "query", schema: JsonSchema | undefined): readonly JsonSchema[] =>
  Object.entries((schema?.properties ?? {}) as Properties).map(([name, each]) => ({
    name,
    in: place,
    required: place === "path" || ((schema?.required ?? []) as readonly string[]).includes(name),
    schema: each,
    example: parameterExamples[name] ?? exampleValue(each),
  }));

const parameterExamples: Readonly<Record<string, string>> = { id: "1", ids: "1,2", page: "1", limit: "20" };

/** A body that its route takes: every field that it needs, and when it needs none, one. */
function exampleOf({ operation, formerNames }: Route, version: Version, body: JsonSchema, text: string): JsonSchema {
  const needed = (body.required ?? []) as readonly string[];
  const names = needed.length > 0 ? needed : Object.keys((body.properties ?? {}) as Properties).slice(0, 1);
  const now = Object.fromEntries(Object.entries(formerNames).map(([name, then]) => [then, name]));
  const { fields } = operation.resource;
  const accepted = (name: string) => fields[version === "1" ? (now[name] ?? name) : name]?.accepts ?? {};
  return Object.fromEntries(names.map((name) => [name, exampleValue(accepted(name), text)]));
}

/** A value that a schema takes. Of references, 1: it is there in the demo. */
function exampleValue({ enum: choices, type, format, pattern, minimum = 1 }: JsonSchema, text = "Example"): unknown {
  if (Array.isArray(choices)) return choices[0];
  if (format === "date") return "2000-01-31";
  if (format === "date-time") return "2027-03-01T09:00:00Z";
  if (type === "integer") return minimum;
  if (type === "boolean") return true;
  const [, word] = /^\^\(([a-z_]+)\|/.exec(String(pattern)) ?? [];
  return word ?? (/\[1-9\]/.test(String(pattern)) ? "1" : text);
}
