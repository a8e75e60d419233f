// Statements that a service sends to PostgreSQL and commands that it sends to Redis: a span and metrics each, of the operation alone.
import { AsyncResource } from "node:async_hooks";
import { performance } from "node:perf_hooks";
import { type Span, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { redisCommands, sqlOperations } from "./catalogue/outgoing.ts";
import { watchChannels } from "./channels.ts";
import { typeOf } from "./failure.ts";
import { oneOf } from "./metrics.ts";
import { redact } from "./redact.ts";
import type { Telemetry } from "./service.ts";

/** A statement or command under way. */
interface Operation {
  readonly series: Series;
  readonly began: number;
  readonly span: Span;
}

/** The series of one kind of operation. */
interface Series {
  readonly all: { inc(): void };
  readonly failures: { inc(): void };
  readonly durations: { observe(seconds: number, traceId?: string): void };
}

/** Begins and ends operations of one system; their series are found once. */
function observer<O extends string>(
  { tracer }: Telemetry,
  system: "postgresql" | "redis",
  seriesOf: (operation: O) => Series,
): { begin(operation: O): Operation; end(operation: Operation, error?: unknown): void } {
  const series = new Map<O, Series>();
  const known = (operation: O): Series => {
    const found = series.get(operation) ?? seriesOf(operation);
    series.set(operation, found);
    return found;
  };
  return {
    begin: (operation) => ({
      series: known(operation),
      began: performance.now(),
      span: tracer.startSpan("operation", {
        kind: SpanKind.CLIENT,
        attributes: { "db.system.name": system, "db.operation.name": operation },
      }),
    }),
    end: ({ series: { all, failures, durations }, began, span }, error) => {
      const traceId = span.isRecording() ? span.spanContext().traceId : undefined;
      all.inc();
      durations.observe((performance.now() - began) / 1_000, traceId);
      if (error != null) {
        failures.inc();
        span.setAttributes(redact(typeOf(error)));
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
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
  const { begin, end } = observer<(typeof sqlOperations)[number]>(telemetry, "postgresql", (operation) => ({
    all: queries.with({ operation }),
    failures: failures.with({ operation }),
    durations: durations.with({ operation }),
  }));
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
      const begun = begin(operationOf(args[0]));
      const last = args.at(-1);
      if (typeof last === "function") {
        const done = bound(last) as (...answer: unknown[]) => unknown;
        return query(...args.slice(0, -1), (...answer: unknown[]) => {
          end(begun, answer[0]);
          return done(...answer);
        });
      }
      const answer = query(...args);
      // A stream of rows is no promise, and its end is not this call's.
      if (answer instanceof Promise)
        answer.then(
          () => end(begun),
          (error: unknown) => end(begun, error),
        );
      else end(begun);
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
  const { begin, end } = observer<(typeof redisCommands)[number]>(telemetry, "redis", (command) => ({
    all: commands.with({ command }),
    failures: failures.with({ command }),
    durations: durations.with({}),
  }));
  // On what ioredis tells of a command, which is the same object at its end.
  const known = Symbol("operation");
  type Known = Command & { [known]?: Operation };
  return watchChannels({
    "tracing:ioredis:command:start": (message: Known) => {
      const name = message.command?.toLowerCase();
      if (name !== undefined && !handshake.has(name)) message[known] = begin(oneOf(redisCommands, name));
    },
    "tracing:ioredis:command:asyncEnd": (message: Known) => {
      const begun = message[known];
      if (begun !== undefined) end(begun, message.error);
    },
  });
}
