// What our HTTP programs on Fastify have in common: health, metrics by route template, problem answers, an orderly end.
import type { Socket } from "node:net";
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RawRequestDefaultExpression as RawRequest,
} from "fastify";
import type { Rows } from "../telemetry/catalogue/row.ts";
import { failureOf } from "../telemetry/failure.ts";
import { observe } from "../telemetry/fastify.ts";
import { refusalOf } from "../telemetry/incoming.ts";
import type { Log } from "../telemetry/log.ts";
import { createTelemetry, type ServiceTelemetry } from "../telemetry/service.ts";
import { messageOf, StackError } from "./errors.ts";
import { sayLastWords } from "./last-words.ts";
import { addMethods } from "./methods.ts";
import { keepTicksFast } from "./ticks.ts";

export interface Server<R extends Rows> {
  readonly name: string;
  readonly app: FastifyInstance;
  readonly telemetry: ServiceTelemetry<R, never>;
  readonly graceMs: number;
}

export interface ServerOptions<R extends Rows> {
  readonly name: string;
  /** Metrics of the program's own. */
  readonly rows: R;
  readonly bodyLimit?: number;
  readonly ready?: () => Promise<boolean>;
  /** Where spans go: an OTLP receiver's URL, or `off`. */
  readonly traces?: string;
  /** Share of traces that begin here and are recorded at all; below 1 it loses errors and slow requests, too. */
  readonly headRatio?: number;
  /** Whether what callers say of recording a trace is followed; default true. */
  readonly followCallers?: boolean;
  /** Where its errors are reported; nowhere unless given. */
  readonly errors?: { readonly dsn: string };
  /** Whether its requests, and its calls by HTTP and to Redis, are measured and traced; default true. */
  readonly observed?: boolean;
  /** Names of spans of the program's own. */
  readonly spans?: readonly string[];
  readonly upstreams?: Readonly<Record<string, string>>;
  /** How long clients may take; default: 10 s for a request, and for an answer as long as they like. */
  readonly clients?: {
    /** Milliseconds from the first byte of a request to its last. */
    readonly requestMs: number;
    /** Milliseconds in which nothing comes or goes while an answer is awaited or taken. */
    readonly idleMs: number;
  };
  /** Milliseconds that requests under way have at the end. The platform waits longer by default: 10 s. */
  readonly graceMs?: number;
  /** Path and query as the routes know them. */
  readonly rewriteUrl?: (request: RawRequest) => string;
}

/** An answer other than 2xx that the caller may read. */
export class HttpProblem extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.status = status;
    this.headers = headers;
  }
}

/** Connections that wait to be taken: with Node's 511 a burst of new clients has some of them refused. The system may allow less. */
const backlog = 4_096;

/** A server that does not listen yet. */
export async function createServer<const R extends Rows>(options: ServerOptions<R>): Promise<Server<R>> {
  const {
    name,
    rows,
    bodyLimit = 64 * 1_024,
    ready = async () => true,
    traces = "off",
    headRatio = 1,
    followCallers = true,
    errors,
    observed = true,
    spans = [],
    upstreams = {},
    clients = { requestMs: 10_000, idleMs: 0 },
    graceMs = 8_000,
    rewriteUrl,
  } = options;
  keepTicksFast();
  const telemetry = await createTelemetry({
    service: name,
    rows,
    upstreams,
    calls: observed,
    ...(traces === "off" ? {} : { traces: { endpoint: traces, headRatio, followCallers, spans } }),
    ...(errors && { errors }),
  });
  const { log } = telemetry;
  const app = Fastify({
    logger: false,
    bodyLimit,
    requestTimeout: clients.requestMs,
    connectionTimeout: clients.idleMs,
    // Node looks for late requests every half minute, and exchanges the two limits where that of headers is the longer one.
    http: { connectionsCheckingInterval: 1_000, headersTimeout: clients.requestMs },
    keepAliveTimeout: 65_000,
    clientErrorHandler: refuseUnreadable,
    return503OnClosing: false,
    ...(rewriteUrl && { rewriteUrl }),
    forceCloseConnections: "idle",
    // What a client sends is refused when it is wrong, never bent until it fits.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false } },
    frameworkErrors: (error, request, reply) => void answerError(log, error, request, reply),
  });
  if (observed) observe(app, telemetry);
  // What a client expects that nobody knows may be ignored (RFC 9110, 10.1.1); Node's own refusal is counted nowhere.
  app.server.on("checkExpectation", (request, response) => app.server.emit("request", request, response));
  // A kept connection that was busy when the end began would hold the process for as long as it is kept.
  let closing = false;
  app.addHook("preClose", async () => {
    closing = true;
  });
  // Fastify's own refusal is no problem document; and none that is thrown: that would be reported as a failure.
  app.addHook("onRequest", (_request, reply, done) => {
    if (closing) answerProblem(reply, 503, "The service is about to end.");
    else done();
  });
  app.addHook("onSend", (_request, reply, payload, done) => {
    if (closing) reply.header("connection", "close");
    done(null, payload);
  });
  app.removeContentTypeParser("text/plain");
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(log, error, request, reply));
  addMethods(app, answerProblem);

  app.get("/healthz", async () => ({ status: "alive" }));
  app.get("/readyz", async (_request, reply) => {
    if (await ready()) return { status: "ready" };
    return answerProblem(reply, 503, "The service is not ready.");
  });
  return { name, app, telemetry, graceMs };
}

/** Listens, and ends in order on SIGTERM or SIGINT: open requests are answered first. */
export async function serve<R extends Rows>(
  { app, telemetry, graceMs }: Server<R>,
  host: string,
  port: number,
  close: () => Promise<void> = async () => {},
): Promise<void> {
  const { log, reports } = telemetry;
  await app.listen({ host, port, backlog });
  const address = app.server.address();
  log.info("listening", { port: typeof address === "object" ? (address?.port ?? port) : port });
  const stop = async (signal: string): Promise<void> => {
    log.info("stopping", { signal });
    // A peer that holds its request open must not hold the process.
    setTimeout(() => process.exit(1), graceMs).unref();
    await app.close();
    await close();
    await telemetry.close();
    log.info("stopped");
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop(signal));
  sayLastWords(log, (thrown) => {
    reports.report(thrown);
    return reports.flush();
  });
}

/** Runs a program's main function; an expected failure is told without a stack trace. */
export function runMain(program: string, main: () => Promise<void>): void {
  main().catch((thrown: unknown) => {
    console.error(thrown instanceof StackError ? thrown.message : `${program}: ${messageOf(thrown)}`);
    process.exit(1);
  });
}

const routeOf = (request: FastifyRequest): string =>
  request.is404 ? "unmatched" : (request.routeOptions.url ?? "unmatched");

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** RFC 9457; as text, because a route's answer schema would drop what it does not know. */
export function answerProblem(reply: FastifyReply, status: number, detail: string): FastifyReply {
  if (status === 503 && !reply.hasHeader("retry-after")) reply.header("retry-after", "2");
  return reply
    .code(status)
    .type("application/problem+json")
    .serializer((body) => body as string)
    .send(problem(status, detail));
}

const problem = (status: number, detail: string): string =>
  JSON.stringify({ type: "about:blank", title: titles[status] ?? "Error", status, detail });

const unreadable: Readonly<Record<number, string>> = {
  408: "The request did not arrive in time.",
  431: "The header is too large.",
};

/** What never became a request is answered by hand, and its connection ends. */
function refuseUnreadable(error: { readonly code?: string }, socket: Socket): void {
  const status = refusalOf(error, socket);
  if (status === undefined) return void socket.destroy();
  const detail = unreadable[status] ?? "This is no HTTP request.";
  const body = problem(status, detail);
  const head = `HTTP/1.1 ${status} ${titles[status]}\r\ncontent-type: application/problem+json\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
  // Whoever goes on to send would hold the connection.
  setTimeout(() => socket.destroy(), 1_000).unref();
}

function answerError(
  log: Log,
  error: FastifyError | HttpProblem,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof HttpProblem) return answerProblem(reply.headers(error.headers), error.status, error.message);
  // Fastify's own refusals speak of fields and limits; they never quote a value, except a path that cannot be decoded or is too long.
  const status = error.statusCode ?? 500;
  if (error.code === "FST_ERR_BAD_URL") return answerProblem(reply, 400, "The path is not a valid URL.");
  if (error.code === "FST_ERR_MAX_PARAM_LENGTH") return answerProblem(reply, 414, "A part of the path is too long.");
  if (status < 500) return answerProblem(reply, status, error.message);
  log.error("request failed", {
    "http.route": routeOf(request),
    "http.response.status_code": 500,
    ...failureOf(error),
  });
  return answerProblem(reply, 500, "The service failed to answer.");
}
