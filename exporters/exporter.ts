// The contract of an exporter: what it is configured with, what it runs, and the pages that it has besides its metrics.
import type { Tracer } from "@opentelemetry/api";
import type { z } from "zod";
import type { exporter } from "../telemetry/catalogue/exporter.ts";
import type { Rows } from "../telemetry/catalogue/row.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Target } from "./collector.ts";
import type { Api } from "./openapi.ts";

export interface Exporter<C = unknown, R extends Rows = Rows> {
  readonly name: string;
  /** One line for help texts. */
  readonly about: string;
  readonly rows: R;
  /** The shape of its configuration file; unknown keys must be errors. */
  readonly config: z.ZodType<C>;
  /** Names of the spans that it makes; one that makes none needs no tracer. */
  readonly spans?: readonly string[];
  /** The parameter of `/probe` that names one target: only that one is read and shown. */
  readonly probe?: string;
  /** What its own pages answer. */
  readonly api?: Api;
  start(engine: Engine<R>): Running<C>;
}

/** What the engine lends to an exporter. */
export interface Engine<R extends Rows> {
  readonly metrics: Metrics<R & typeof exporter>;
  readonly log: Log;
  /** Undefined where nobody takes traces. */
  readonly tracer: Tracer | undefined;
}

export interface Running<C> {
  /** Takes a validated configuration, the first and every later one. What did not change keeps running. */
  apply(config: C): void;
  /** What collectors run against at each scrape; a target that did not change is the same object as before. */
  targets?(): readonly Target[];
  /** How many integrations or databases are configured. */
  size(): number;
  /** Pages by path; `:name` stands for one part. */
  readonly routes?: Readonly<Record<string, Route>>;
  /** Ends all that runs, at the latest when the signal is aborted. */
  close(signal: AbortSignal): Promise<void>;
}

export interface PageRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export interface Page {
  readonly status?: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Route = (request: PageRequest) => Page | Promise<Page>;

/** An exporter as the engine sees it: its own types matter only to itself. */
export type AnyExporter = Omit<Exporter, "start" | "config"> & {
  readonly config: z.ZodType;
  // biome-ignore lint/suspicious/noExplicitAny: configuration and rows meet only inside the exporter
  start(engine: Engine<any>): Running<any>;
};

export const json = (value: unknown, status = 200): Page => ({
  status,
  contentType: "application/json; charset=utf-8",
  body: `${JSON.stringify(value)}\n`,
});

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** A refusal or a failure as RFC 9457 has it. The detail is a sentence of ours, never another side's words. */
export const problem = (status: number, detail: string): Page => ({
  status,
  contentType: "application/problem+json; charset=utf-8",
  body: `${JSON.stringify({ type: "about:blank", title: titles[status] ?? "Error", status, detail })}\n`,
});
