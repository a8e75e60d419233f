// Bare Fastify that answers every GET with the same bytes: `node bytes.ts PORT FILE`.
import { readFileSync } from "node:fs";
import Fastify from "fastify";

const [port, file = ""] = process.argv.slice(2);
const body = readFileSync(file, "utf8");
const app = Fastify({ logger: false });
app.get("/*", (_request, reply) => reply.type("application/json; charset=utf-8").send(body));
await app.listen({ host: "127.0.0.1", port: Number(port) });
