// A stand-in for Slack: takes incoming-webhook posts, keeps them, shows them. It is the demo's dead man's switch as well.
// `node demo/slack/main.ts --host H --port N --data DIR --runbook URL [--heartbeat-seconds N]`: the switch alarms after so many, and leads to that page.
import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { readOptions } from "../../components/arguments.ts";
import { answerProblem, createServer, runMain, type Server, serve } from "../http.ts";
import { addHeartbeat } from "./heartbeat.ts";
import { type Content, type Message, readPayload } from "./message.ts";
import { openStore, type Store } from "./store.ts";
import { contentSecurityPolicy, renderMessage, renderPage } from "./view.ts";

const payloadLimit = 1_048_576;
const kept = { keep: 500, keepBytes: 8 * 1_048_576 } as const;
const mostViewers = 50;
const pingMilliseconds = 15_000;
/** A browser that does not read is let go; it comes back and asks for what it missed. */
const mostUnread = 1_048_576;

runMain("demo/slack/main.ts", async () => {
  const options = readOptions("demo/slack/main.ts", process.argv.slice(2), {
    host: { kind: "text" },
    port: { kind: "port" },
    data: { kind: "file" },
    runbook: { kind: "url" },
    // They come once a minute.
    "heartbeat-seconds": { kind: "count", default: "180" },
  });
  const store = await openStore({ folder: options.data, ...kept });
  const server = await createServer({ name: "slack-inbox", bodyLimit: payloadLimit });
  const viewers = addViewers(server, store);
  const fault = addFault(server.app);
  addWebhook(server, store, fault, viewers.show);
  const tell = async (content: Content): Promise<void> => viewers.show(await store.add(content));
  addHeartbeat(server.app, {
    patience: Number(options["heartbeat-seconds"]) * 1_000,
    runbook: options.runbook,
    tell,
  });
  addReading(server.app, store);
  await serve(server, options.host, Number(options.port));
});

/** POST /services/*, with Slack's own answers: short plain texts. */
function addWebhook(
  { app, telemetry: { own, log } }: Server,
  store: Store,
  fault: () => Fault | undefined,
  show: (message: Message) => void,
): void {
  const messages = own.counter("slack_inbox_messages_total");
  const answer = (reply: FastifyReply, status: number, text: string): FastifyReply =>
    reply.code(status).type("text/plain; charset=utf-8").send(text);
  app.register(async (scope) => {
    // Senders differ in the content type that they name; what counts is that the text is JSON.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
    scope.setErrorHandler((error: { readonly statusCode?: number; readonly code?: string }, _request, reply) => {
      if (error.statusCode === 413) return answer(reply, 413, "request_too_large");
      if ((error.statusCode ?? 500) < 500) return answer(reply, 400, "invalid_payload");
      log.error("request failed", { cause: "store", "error.type": error.code });
      return answer(reply, 500, "rollup_error");
    });
    scope.post("/services/*", async (request, reply) => {
      const failing = fault();
      if (failing !== undefined) {
        if (failing.status === 429)
          reply.header("retry-after", String(Math.ceil((failing.until - Date.now()) / 1_000)));
        return answer(reply, failing.status, faultTexts[failing.status]);
      }
      const content = readPayload(parse(request));
      if (typeof content === "string") return answer(reply, 400, content);
      const message = await store.add(content);
      messages.inc({});
      show(message);
      return answer(reply, 200, "ok");
    });
  });
}

function parse({ headers, body }: FastifyRequest): unknown {
  const form = headers["content-type"]?.startsWith("application/x-www-form-urlencoded");
  try {
    return JSON.parse((form ? new URLSearchParams(body as string).get("payload") : (body as string)) ?? "");
  } catch {
    return undefined;
  }
}

const faultTexts = { 403: "action_prohibited", 429: "rate_limited", 500: "rollup_error" } as const;

interface Fault {
  readonly status: keyof typeof faultTexts;
  readonly until: number;
}

/** POST /api/fault { status: 403 | 429 | 500, seconds } makes posts fail for that long; `seconds: 0` ends it. From this machine only. */
function addFault(app: FastifyInstance): () => Fault | undefined {
  let fault: Fault | undefined;
  const current = (): Fault | undefined => (fault !== undefined && Date.now() < fault.until ? fault : undefined);
  const body = {
    type: "object",
    additionalProperties: false,
    required: ["status", "seconds"],
    properties: {
      status: { enum: Object.keys(faultTexts).map(Number) },
      seconds: { type: "number", minimum: 0, maximum: 3_600 },
    },
  };
  app.post("/api/fault", { schema: { body } }, async (request, reply) => {
    if (!/^(?:127\.|::1$|::ffff:127\.)/.test(request.socket.remoteAddress ?? ""))
      return answerProblem(reply, 403, "Faults are switched from the same machine only.");
    const { status, seconds } = request.body as { readonly status: Fault["status"]; readonly seconds: number };
    fault = { status, until: Date.now() + seconds * 1_000 };
    return { fault: current() ?? null };
  });
  app.get("/api/fault", async () => ({ fault: current() ?? null }));
  return current;
}

/** The page, and the messages as JSON: oldest first, those received at or after `since`. */
function addReading(app: FastifyInstance, store: Store): void {
  const channel = { type: "string", minLength: 1, maxLength: 81 };
  app.get("/", { schema: { querystring: { type: "object", properties: { channel } } } }, async (request, reply) =>
    reply
      .type("text/html; charset=utf-8")
      .headers({
        "content-security-policy": contentSecurityPolicy,
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
      })
      .send(renderPage({ messages: store.all(), channel: (request.query as { channel?: string }).channel })),
  );
  const since = { type: "string", format: "date-time" };
  app.get(
    "/api/messages",
    { schema: { querystring: { type: "object", additionalProperties: false, properties: { since, channel } } } },
    async (request, reply) => {
      const asked = request.query as { since?: string; channel?: string };
      const from = asked.since === undefined ? 0 : Date.parse(asked.since);
      reply.header("cache-control", "no-store");
      return store
        .all()
        .filter(
          (message) => message.receivedAt >= from && (asked.channel === undefined || message.channel === asked.channel),
        );
    },
  );
}

/** GET /events: each new message as HTML for the page; a page that comes back gets what it missed. */
function addViewers({ app, telemetry: { own } }: Server, store: Store): { readonly show: (message: Message) => void } {
  const viewers = new Set<ServerResponse>();
  own.source(() => [{ metric: "slack_inbox_viewers", labels: {}, value: viewers.size }]);
  const write = (viewer: ServerResponse, text: string): void => {
    if (viewer.writableLength > mostUnread) viewer.destroy();
    else viewer.write(text);
  };
  const event = (message: Message): string =>
    `id: ${message.id}\ndata: ${JSON.stringify({ id: message.id, channel: message.channel, html: renderMessage(message) })}\n\n`;
  const after = { type: "string", pattern: "^[0-9]{1,15}$" };
  app.get("/events", { schema: { querystring: { type: "object", properties: { after } } } }, (request, reply) => {
    if (viewers.size >= mostViewers) return answerProblem(reply, 503, "Too many pages are open.");
    const seen = Number(
      request.headers["last-event-id"] ?? (request.query as { after?: string }).after ?? Number.POSITIVE_INFINITY,
    );
    reply.hijack();
    const viewer = reply.raw;
    viewer.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      connection: "close",
    });
    viewer.write("retry: 1000\n\n");
    viewers.add(viewer);
    viewer.on("close", () => viewers.delete(viewer));
    for (const message of store.all()) if (message.id > seen) write(viewer, event(message));
  });
  const ping = setInterval(() => {
    for (const viewer of viewers) write(viewer, ": ping\n\n");
  }, pingMilliseconds);
  app.addHook("preClose", async () => {
    clearInterval(ping);
    for (const viewer of viewers) viewer.end();
  });
  return {
    show: (message) => {
      const text = event(message);
      for (const viewer of viewers) write(viewer, text);
    },
  };
}
