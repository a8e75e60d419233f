// An exporter's API as an OpenAPI 3.1 document: the pages of its own as it describes them, and those that the engine gives every exporter.
import { apiDocs } from "../components/api-docs.ts";
import { type AnyExporter, json, type Route } from "./exporter.ts";

export type Schema = Readonly<Record<string, unknown>>;

/** How an exporter describes its own pages; paths have their parameters in braces. */
export interface Api {
  readonly paths: Readonly<Record<string, Schema>>;
  readonly schemas: Readonly<Record<string, Schema>>;
}

export const text = { type: "string" } as const;
export const object = (properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
export const list = (items: Schema): Schema => ({ type: "array", items });
export const of = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** A parameter of a path, with a value that the examples have. */
export const inPath = (name: string, example: string): Schema => ({
  ...{ name, in: "path", required: true, schema: text, example },
});

export const problems = (...codes: readonly number[]): Schema =>
  Object.fromEntries(
    codes.map((code) => [
      code,
      { description: "A problem document.", content: { "application/problem+json": { schema: of("Problem") } } },
    ]),
  );

/** A page for everybody, of a type of content. */
export const page = (
  summary: string,
  type: string,
  { parameters = [], others = {} }: { readonly parameters?: readonly Schema[]; readonly others?: Schema } = {},
): Schema => ({
  get: {
    summary,
    parameters,
    responses: { 200: { description: summary, content: { [type]: { schema: text } } }, ...others },
  },
});

/** JSON by a schema, for bearers of a token alone. */
export const guardedJson = (
  summary: string,
  schema: string,
  parameters: readonly Schema[],
  ...codes: readonly number[]
): Schema => ({
  get: {
    summary,
    parameters,
    security: [{ bearer: [] }],
    responses: {
      200: { description: "As it is now.", content: { "application/json": { schema: of(schema) } } },
      ...problems(401, 403, 503, ...codes),
    },
  },
});

const plain = (summary: string, type = "text/plain"): Schema => page(summary, type);
const oneTarget = (parameter: string): Schema =>
  page("The metrics of one target, which is read for it", "text/plain", {
    parameters: [{ name: parameter, in: "query", required: true, schema: text, example: "billing" }],
    others: { 404: { description: "There is no target of that id.", content: { "text/plain": { schema: text } } } },
  });

export const openApiOf = ({ name, about, probe, api }: AnyExporter) => ({
  openapi: "3.1.0",
  info: { title: `Vitals: ${name}`, version: "1.0.0", description: `The exporter ${name} ${about}.` },
  paths: {
    ...api?.paths,
    "/metrics": plain("All metrics, for Prometheus"),
    ...(probe === undefined ? {} : { "/probe": oneTarget(probe) }),
    "/healthz": plain("The process is alive"),
    "/readyz": plain("It has a valid configuration"),
    "/openapi.json": {
      get: {
        summary: "This document",
        responses: {
          200: { description: "This document.", content: { "application/json": { schema: { type: "object" } } } },
        },
      },
    },
    "/docs": plain("This document for people", "text/html"),
  },
  components: {
    schemas: {
      ...api?.schemas,
      Problem: object({ type: text, title: text, status: { type: "integer" }, detail: text }),
    },
    securitySchemes: {
      bearer: { type: "http", scheme: "bearer", description: "A static token, or a JWT that names the role manager." },
    },
  },
});

/** For everybody: they tell how to ask, and answer nothing. */
export function openApiRoutes(exporter: AnyExporter): Readonly<Record<string, Route>> {
  const document = openApiOf(exporter);
  return {
    "/openapi.json": () => json(document),
    ...apiDocs({ title: document.info.title, document: "/openapi.json" }),
  };
}
