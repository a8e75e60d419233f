// The document of the API, for programs and for people. For everybody: it tells how to ask, and answers nothing.
import type { FastifyInstance } from "fastify";
import { apiDocs, type DocsPart } from "../components/api-docs.ts";
import { sendText, type Text, textOf } from "./compression.ts";
import type { Document } from "./openapi.ts";

const path = "/openapi.json";
const vary = "accept-encoding, origin";

export function addDocs(app: FastifyInstance, document: Document): void {
  const text = textOf(JSON.stringify(document));
  app.get(path, (_request, reply) =>
    sendText(reply.header("vary", vary).type("application/json; charset=utf-8"), text),
  );
  for (const [url, part] of Object.entries(apiDocs({ title: String(document.info.title), document: path }))) {
    let known: (DocsPart & Text) | undefined;
    app.get(url, async (_request, reply) => {
      known ??= keptOf(await part());
      await sendText(reply.headers({ ...known.headers, vary }).type(known.contentType), known);
    });
  }
  app.get("/", (_request, reply) => reply.redirect("/docs"));
}

const keptOf = (part: DocsPart): DocsPart & Text => ({ ...part, ...textOf(part.body) });
