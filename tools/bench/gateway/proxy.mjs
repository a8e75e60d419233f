// @fastify/http-proxy before an upstream, with its hidden retries off: `node proxy.mjs PEERS PORT UPSTREAM`.
import { createRequire } from "node:module";
import { join } from "node:path";

const [peers, port, upstream] = process.argv.slice(2);
const from = createRequire(join(peers, "package.json"));
const app = from("fastify")({ logger: false });
app.register(from("@fastify/http-proxy"), { upstream, replyOptions: { maxRetriesOn503: 0 } });
await app.listen({ host: "127.0.0.1", port: Number(port) });
