// The document of the API, for programs and for people. For everybody: it tells how to ask, and answers nothing.
import type { FastifyInstance } from "fastify";
import { apiDocs } from "../components/api-docs.ts";
import type { Document } from "./openapi.ts";

const path = "/openapi.json";

export function addDocs(app: FastifyInstance, document: Document): void {
  const text = JSON.stringify(document);
  app.get(path, (_request, reply) => reply.type("application/json; charset=utf-8").send(text));
  for (const [url, part] of Object.entries(apiDocs({ title: String(document.info.title), document: path })))
    app.get(url, async (_request, reply) => {
      const { contentType, headers, body } = await part();
      return reply.headers(headers).type(contentType).send(body);
    });
  app.get("/", (_request, reply) => reply.redirect("/docs"));
}
