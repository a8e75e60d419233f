// What an observed service shows of the calls that it makes: to other services, PostgreSQL and Redis.
import { httpMethods } from "./http.ts";
import type { Rows } from "./row.ts";

/** `upstream` is a configured name; a call to anywhere else is `other`. */
const upstream = { upstream: "configured" } as const;
export const sqlOperations = ["SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT", "ROLLBACK", "other"] as const;
export const redisCommands = [
  ...[
    "get",
    "getex",
    "set",
    "mget",
    "mset",
    "del",
    "unlink",
    "exists",
    "expire",
    "pexpire",
    "incr",
    "hget",
    "hset",
    "hgetall",
  ],
  ...[
    "sadd",
    "srem",
    "smembers",
    "zadd",
    "zrange",
    "eval",
    "evalsha",
    "fcall",
    "publish",
    "subscribe",
    "ping",
    "info",
    "scan",
  ],
  ...["multi", "exec", "pipeline", "other"],
] as const;
const fast = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] as const;

export const outgoing = {
  upstream_requests_total: {
    kind: "counter",
    help: "Requests to other services that were answered.",
    labels: { ...upstream, method: httpMethods, status_code: "configured" },
  },
  upstream_request_failures_total: {
    kind: "counter",
    help: "Requests to other services without an answer; those that were aborted because nobody wanted it any more are not counted.",
    labels: upstream,
  },
  upstream_request_duration_seconds: {
    kind: "histogram",
    help: "Time from sending a request to another service to the first of its answer, in seconds.",
    labels: upstream,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  },
  upstream_requests_in_flight: { kind: "gauge", help: "Open requests to other services.", labels: upstream },
  database_queries_total: {
    kind: "counter",
    help: "Statements sent to PostgreSQL that have ended.",
    labels: { operation: sqlOperations },
  },
  database_query_failures_total: {
    kind: "counter",
    help: "Statements sent to PostgreSQL that failed.",
    labels: { operation: sqlOperations },
  },
  database_query_duration_seconds: {
    kind: "histogram",
    help: "Time from asking for a statement to having its rows, in seconds; the wait for a connection is not part of it.",
    labels: { operation: sqlOperations },
    buckets: fast,
  },
  database_pool_connections: {
    kind: "gauge",
    help: "Connections of the database pool, by what they do.",
    labels: { state: ["busy", "idle"] },
  },
  database_pool_waiting_requests: {
    kind: "gauge",
    help: "Requests that wait for a connection of the database pool.",
    labels: {},
  },
  redis_client_commands_total: {
    kind: "counter",
    help: "Commands sent to Redis that have ended.",
    labels: { command: redisCommands },
  },
  redis_client_command_failures_total: {
    kind: "counter",
    help: "Commands sent to Redis that failed.",
    labels: { command: redisCommands },
  },
  redis_client_command_duration_seconds: {
    kind: "histogram",
    help: "Time from giving a command to having its answer, in seconds; the wait for a connection included.",
    labels: {},
    buckets: fast,
  },
} as const satisfies Rows;
