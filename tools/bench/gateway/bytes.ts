// Bare Fastify that answers every GET with the same bytes: `node bytes.ts PORT FILE [HEADER]`, the header as JSON.
import { readFileSync } from "node:fs";
import Fastify from "fastify";

const [port, file = "", header = "{}"] = process.argv.slice(2);
const body = readFileSync(file, "utf8");
const headers = { "content-type": "application/json; charset=utf-8", ...JSON.parse(header) };
const app = Fastify({ logger: false });
app.get("/*", (_request, reply) => reply.headers(headers).send(body));
await app.listen({ host: "127.0.0.1", port: Number(port) });
