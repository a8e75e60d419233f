// Statements that a service sends to PostgreSQL and commands that it sends to Redis: a span and metrics each, of the operation alone.
import { AsyncResource } from "node:async_hooks";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { redisCommands, sqlOperations } from "./catalogue/outgoing.ts";
import { watchChannels } from "./channels.ts";
import { typeOf } from "./failure.ts";
import { oneOf } from "./metrics.ts";
import { redact } from "./redact.ts";
import type { Telemetry } from "./service.ts";

/** Called when the operation has ended, with its error if it failed. */
type End = (error?: unknown) => void;

function begin(
  { tracer }: Telemetry,
  system: "postgresql" | "redis",
  operation: string,
  record: (seconds: number, failed: boolean, traceId?: string) => void,
): End {
  const began = performance.now();
  const span = tracer.startSpan("operation", {
    kind: SpanKind.CLIENT,
    attributes: { "db.system.name": system, "db.operation.name": operation },
  });
  return (error) => {
    const traceId = span.isRecording() ? span.spanContext().traceId : undefined;
    record((performance.now() - began) / 1_000, error != null, traceId);
    if (error != null) {
      span.setAttributes(redact(typeOf(error)));
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end();
  };
}

/** What is used of a pool of `pg`. */
interface Pool {
  connect: (...args: never[]) => unknown;
  on(event: "connect", listener: (client: Client) => void): unknown;
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
}

interface Client {
  query: (...args: never[]) => unknown;
}

/** Observes every statement over connections that the pool makes from now on. */
export function observePool(pool: Pool, telemetry: Telemetry): void {
  const { metrics } = telemetry;
  const queries = metrics.counter("database_queries_total");
  const failures = metrics.counter("database_query_failures_total");
  const durations = metrics.histogram("database_query_duration_seconds");
  metrics.start({});
  metrics.source(() => [
    { metric: "database_pool_connections", labels: { state: "busy" }, value: pool.totalCount - pool.idleCount },
    { metric: "database_pool_connections", labels: { state: "idle" }, value: pool.idleCount },
    { metric: "database_pool_waiting_requests", labels: {}, value: pool.waitingCount },
  ]);
  // A request that waits for a connection gets it from the request before, in whose context it would go on.
  const connect = pool.connect.bind(pool) as (...args: unknown[]) => unknown;
  pool.connect = (...args: unknown[]) => connect(...args.map(bound));
  pool.on("connect", (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = (...args: unknown[]) => {
      const operation = operationOf(args[0]);
      const end = begin(telemetry, "postgresql", operation, (seconds, failed, traceId) => {
        queries.inc({ operation });
        if (failed) failures.inc({ operation });
        durations.observe({ operation }, seconds, traceId);
      });
      const last = args.at(-1);
      if (typeof last === "function") {
        const done = bound(last) as (...answer: unknown[]) => unknown;
        return query(...args.slice(0, -1), (...answer: unknown[]) => {
          end(answer[0]);
          return done(...answer);
        });
      }
      const answer = query(...args);
      // A stream of rows is no promise, and its end is not this call's.
      if (answer instanceof Promise) answer.then(() => end(), end);
      else end();
      return answer;
    };
  });
}

const bound = (value: unknown): unknown =>
  typeof value === "function" ? AsyncResource.bind(value as () => unknown) : value;

/** The first word of a statement, when it is one of those that we know. */
function operationOf(query: unknown): (typeof sqlOperations)[number] {
  const text = typeof query === "string" ? query : (Object(query) as { readonly text?: unknown }).text;
  const [word = ""] = /[a-z]+/i.exec(String(text).slice(0, 200)) ?? [];
  return oneOf(sqlOperations, word.toUpperCase());
}

/** What the client sends by itself on a new connection; older servers refuse some of it, which is no failure. */
const handshake = new Set(["hello", "client", "auth", "select", "readonly"]);

interface Command {
  readonly command?: string;
  readonly error?: unknown;
}

/** Observes every command of ioredis, which tells of them on channels, until the returned function is called. */
export function watchRedis(telemetry: Telemetry): () => void {
  const { metrics } = telemetry;
  const commands = metrics.counter("redis_client_commands_total");
  const failures = metrics.counter("redis_client_command_failures_total");
  const durations = metrics.histogram("redis_client_command_duration_seconds");
  const open = new WeakMap<object, End>();
  const started = (message: Command): void => {
    const name = message.command?.toLowerCase();
    if (name === undefined || handshake.has(name)) return;
    const command = oneOf(redisCommands, name);
    open.set(
      message,
      begin(telemetry, "redis", command, (seconds, failed, traceId) => {
        commands.inc({ command });
        if (failed) failures.inc({ command });
        durations.observe({}, seconds, traceId);
      }),
    );
  };
  return watchChannels({
    "tracing:ioredis:command:start": started,
    "tracing:ioredis:command:asyncEnd": (message: Command) => open.get(message)?.(message.error),
  });
}
