// What a service holds of telemetry: one object with its metrics, log, spans and error reports.
import { type Tracer, trace } from "@opentelemetry/api";
import { http } from "./catalogue/http.ts";
import { outgoing } from "./catalogue/outgoing.ts";
import type { Rows } from "./catalogue/row.ts";
import { runtime } from "./catalogue/runtime.ts";
import { tracing as tracingRows } from "./catalogue/tracing.ts";
import { watchRedis } from "./database.ts";
import { type ErrorReports, noReports, startReports } from "./errors.ts";
import { createLog, type Log } from "./log.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { type Upstreams, watchOutgoing } from "./outgoing.ts";
import type { Attributes } from "./redact.ts";
import { watchProcess, watchRuntime } from "./runtime.ts";
import { noTracing, startTracing, type TracingOptions } from "./tracing.ts";

export const serviceRows = { ...runtime, ...http, ...outgoing, ...tracingRows } as const satisfies Rows;

export interface TelemetryOptions<R extends Rows, M extends string> {
  /** The service's name, as it is called everywhere else. */
  readonly service: string;
  /** Metrics of the service's own. */
  readonly rows?: R;
  /** Texts of the service's own log lines; any other text is not written. */
  readonly messages?: readonly M[];
  /** Off unless given. */
  readonly traces?: TracingOptions;
  /** Errors go to a Sentry-compatible ingest; off unless given. */
  readonly errors?: { readonly dsn: string };
  readonly upstreams?: Upstreams;
  /** Whether the calls that the service makes are observed: by HTTP and to Redis; default true. */
  readonly calls?: boolean;
  /** Takes each log line; default: standard output. */
  readonly write?: (line: string) => void;
}

/** What the adapters need; the same for every service. */
export interface Telemetry {
  readonly metrics: Metrics<typeof serviceRows>;
  readonly tracer: Tracer;
  readonly reports: ErrorReports;
}

export interface ServiceTelemetry<R extends Rows, M extends string> extends Telemetry {
  /** The service's own metrics, on the same page. */
  readonly own: Metrics<R>;
  readonly log: Log<M>;
  /** Sends what waits. */
  flush(): Promise<void>;
  /** Sends what waits, gives up the rest, and stops watching. Takes at most some seconds. */
  close(): Promise<void>;
}

// biome-ignore lint/complexity/noBannedTypes: no metrics of its own
export async function createTelemetry<const R extends Rows = {}, const M extends string = never>(
  options: TelemetryOptions<R, M>,
): Promise<ServiceTelemetry<R, M>> {
  const { service, rows, messages = [], traces, errors, upstreams = {}, calls = true, write } = options;
  const all = createMetrics({ ...rows, ...serviceRows });
  const metrics = all as unknown as Metrics<typeof serviceRows>;
  const lines = metrics.counter("log_lines_total");
  watchProcess(metrics);
  const tracing = traces === undefined ? noTracing() : await startTracing(service, traces, metrics);
  const reports = errors === undefined ? noReports : startReports(service, errors.dsn, metrics);
  const log = createLog<M>(service, {
    messages,
    ambient: activeSpan,
    wrote: (level) => lines.inc({ level }),
    ...(write === undefined ? {} : { write }),
  });
  metrics.start({});
  const telemetry: Telemetry = { metrics, tracer: tracing.tracer, reports };
  const stops = [watchRuntime(metrics)];
  if (calls) stops.push(watchOutgoing(telemetry, upstreams), watchRedis(telemetry));
  return {
    ...telemetry,
    own: all as unknown as Metrics<R>,
    log,
    flush: async () => {
      await Promise.all([tracing.flush(), reports.flush()]);
    },
    close: async () => {
      for (const stop of stops) stop();
      await Promise.all([tracing.close(), reports.close()]);
    },
  };
}

function activeSpan(): Attributes {
  const span = trace.getActiveSpan()?.spanContext();
  return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
}
