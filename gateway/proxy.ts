// Hands a request to its upstream once, and the answer back as it comes; whatever breaks in between is one status.
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Agent, request as open } from "../components/http.ts";
import { HttpProblem } from "../components/server.ts";
import { prefix, type Route } from "./route.ts";

export interface ProxyOptions {
  readonly routes: readonly Route[];
  /** Service -> base URL. */
  readonly upstreams: Readonly<Record<string, string>>;
  /** Milliseconds for an upstream's whole answer. */
  readonly deadlineMs: number;
}

/** What goes on in either direction; everything else stays, also what a client says of itself. */
const asked = ["accept", "content-type", "content-length"] as const;
const answered = ["content-type", "content-length", "retry-after"] as const;
const mostSockets = 64;

/** Adds every route to the application. Throws when a route's upstream has no address. */
export function addProxy(app: FastifyInstance, { routes, upstreams, deadlineMs }: ProxyOptions): void {
  const agent = new Agent({ keepAlive: true, maxSockets: mostSockets });
  app.addHook("onClose", async () => agent.destroy());
  // The upstream reads the body; here it is only kept within the limit.
  app.removeContentTypeParser("application/json");
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => done(null, body));

  for (const { path, methods, upstream } of routes) {
    const base = upstreams[upstream];
    if (base === undefined) throw new Error(`gateway: the route ${path} goes to ${upstream}, which has no address`);
    app.route({
      method: [...methods],
      url: prefix + path,
      handler: async (request, reply) => {
        const body = request.body as Buffer | undefined;
        const incoming = await exchange({ base, agent, deadlineMs, path: pathOf(path, request), body }, request, reply);
        reply.code(incoming.statusCode ?? 502).headers(pick(incoming.headers, answered));
        const { location } = incoming.headers;
        if (location?.startsWith("/")) reply.header("location", prefix + location);
        return reply.send(incoming);
      },
    });
  }
}

interface Exchange {
  readonly base: string;
  readonly agent: InstanceType<typeof Agent>;
  readonly deadlineMs: number;
  readonly path: string;
  readonly body: Buffer | undefined;
}

/** Resolves with the head of the answer. It ends with the client: who has left waits for nothing. */
const exchange = (
  { base, agent, deadlineMs, path, body }: Exchange,
  { method, headers }: FastifyRequest,
  { raw }: FastifyReply,
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    let late = false;
    const outgoing = open(base, { method, path, agent, headers: pick(headers, asked) });
    const deadline = setTimeout(() => {
      late = true;
      outgoing.destroy(new Error("no answer in time"));
    }, deadlineMs);
    raw.once("close", () => {
      clearTimeout(deadline);
      outgoing.destroy();
    });
    outgoing.once("response", resolve);
    outgoing.on("error", () =>
      reject(
        late
          ? new HttpProblem(504, "The service behind this route did not answer in time.")
          : new HttpProblem(502, "The service behind this route gave no answer."),
      ),
    );
    outgoing.end(body);
  });

/** The template with its values, each encoded anew: what a client wrote is never taken as a path. */
function pathOf(template: string, { params, raw }: FastifyRequest): string {
  const values = params as Readonly<Record<string, string>>;
  const path = template.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(values[name] ?? ""));
  const [, query] = (raw.url ?? "").split(/\?(.*)/s, 2);
  return query === undefined || query === "" ? path : `${path}?${query}`;
}

const pick = (headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      return typeof value === "string" ? [[name, value]] : [];
    }),
  );
