// Error reports to a Sentry-compatible ingest: where in our code, of which kind, in which request. Never a message, which may quote anything.
import { randomUUID } from "node:crypto";
import type { tracing as rows } from "./catalogue/tracing.ts";
import { framesOf, typeOf } from "./failure.ts";
import type { Metrics } from "./metrics.ts";
import { post } from "./post.ts";
import { createQueue } from "./queue.ts";
import { type Attributes, redact } from "./redact.ts";

export interface ErrorReports {
  /** `about` is held to the allow-list. */
  report(thrown: unknown, about?: Attributes): void;
  flush(): Promise<void>;
  close(): Promise<void>;
}

export const noReports: ErrorReports = { report: () => {}, flush: async () => {}, close: async () => {} };

interface Report {
  readonly event_id: string;
}

const mostReports = 100;

/** `dsn` is `https://KEY@HOST/PROJECT`, as the ingest gives it. */
export function startReports(service: string, dsn: string, metrics: Metrics<typeof rows>): ErrorReports {
  const { url, key } = parseDsn(dsn);
  const reports = metrics.counter("error_reports_total");
  const sent = metrics.counter("error_reports_sent_total");
  const dropped = metrics.counter("error_reports_dropped_total");
  const headers = {
    "content-type": "application/x-sentry-envelope",
    "x-sentry-auth": `Sentry sentry_version=7, sentry_client=vitals/1, sentry_key=${key}`,
  };
  const queue = createQueue<Report>({
    most: mostReports,
    batch: 1,
    everyMs: 200,
    send: ([report]) => post(url, headers, [envelope(report as Report)]),
    ended: (outcome) => outcome === "sent" && sent.inc({}),
    dropped: (cause, count) => dropped.inc({ cause }, count),
  });
  metrics.start({});
  return {
    report: (thrown, about = {}) => {
      reports.inc({});
      queue.add(() => eventOf(service, thrown, about));
    },
    flush: queue.flush,
    close: queue.close,
  };
}

function parseDsn(dsn: string): { readonly url: URL; readonly key: string } {
  const parsed = URL.canParse(dsn) ? new URL(dsn) : undefined;
  const [, path = "", project] = /^(.*)\/(\d+)$/.exec(parsed?.pathname ?? "") ?? [];
  // The text itself is a secret and stays out of the message.
  if (parsed === undefined || parsed.username === "" || project === undefined)
    throw new TypeError("the DSN of the error reports is not of the form https://KEY@HOST/PROJECT");
  return { url: new URL(`${path}/api/${project}/envelope/`, parsed.origin), key: parsed.username };
}

/** Three lines: the envelope's header, the item's header, the item. */
function envelope(report: Report): string {
  const item = JSON.stringify(report);
  const lines = [
    JSON.stringify({ event_id: report.event_id, sent_at: new Date().toISOString() }),
    JSON.stringify({ type: "event", length: Buffer.byteLength(item) }),
    item,
  ];
  return `${lines.join("\n")}\n`;
}

function eventOf(service: string, thrown: unknown, about: Attributes): Report {
  const { trace_id, span_id, ...tags } = redact({ ...about, service, ...typeOf(thrown) });
  const method = tags["http.request.method"];
  const frames = framesOf(thrown);
  return {
    event_id: randomUUID().replaceAll("-", ""),
    timestamp: Date.now() / 1_000,
    platform: "node",
    level: "error",
    ...(method === undefined ? {} : { transaction: `${method} ${tags["http.route"] ?? "other"}` }),
    exception: { values: [{ type: tags["error.type"] ?? "Error", stacktrace: { frames } }] },
    ...(trace_id === undefined ? {} : { contexts: { trace: { trace_id, span_id } } }),
    tags,
  } as Report;
}
