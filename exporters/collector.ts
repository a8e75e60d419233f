// The contract of a collector: one small file that reads something of a target; deadlines, isolation and self-metrics are the engine's.
import type { Duration } from "../components/units.ts";
import type { CollectorCause } from "../telemetry/catalogue/exporter.ts";
import type { Row, Rows } from "../telemetry/catalogue/row.ts";
import type { LabelsOf, Sample } from "../telemetry/metrics.ts";

export type { Sample };
export type Samples = readonly Sample[];

export interface Collector<C> {
  readonly name: string;
  /** The metrics that it may give; any other is refused and counted. */
  readonly emits: readonly string[];
  readonly timeout: Duration;
  /** How long an answer is good for; without it every scrape asks anew. */
  readonly ttl?: Duration;
  /** What is shown when it fails, such as `pg_up 0`. It speaks for the target: answers kept by a ttl are hidden meanwhile. */
  readonly failed?: (cause: CollectorCause) => Samples;
  collect(context: C): Promise<Samples>;
}

/** One run of one collector, as its target's context sees it. */
export interface Run {
  /** Aborted at the deadline. */
  readonly signal: AbortSignal;
  /** Milliseconds until the deadline. */
  remaining(): number;
  /** The same object for all runs of one scrape: what one collector fetched, another may reuse. */
  readonly round: object;
  /** Says how many series were left out because a limit bit. */
  dropped(series: number): void;
}

/** What collectors are run against. */
export interface Target<C = never> {
  /** The configured id. */
  readonly name: string;
  /** Put on every sample. */
  readonly labels: Readonly<Record<string, string>>;
  readonly collectors: readonly Collector<C>[];
  context(run: Run): C;
}

/** A failure whose class is known. The message of the other side stays in `cause`, for a debugger and never for telemetry. */
export class CollectorError extends Error {
  readonly kind: CollectorCause;

  constructor(kind: CollectorCause, cause?: unknown) {
    super(kind, { cause });
    this.name = "CollectorError";
    this.kind = kind;
  }
}

type Rest<R extends Row, T extends string> = Omit<LabelsOf<R>, T>;

/** Makes samples of a set of rows; the label that names the target is the engine's to add. */
export const sampler =
  <const R extends Rows, T extends string>(_rows: R, _target: T) =>
  <N extends keyof R & string>(
    metric: N,
    value: number,
    ...[labels]: keyof Rest<R[N], T> extends never ? [] : [labels: Rest<R[N], T>]
  ): Sample => ({ metric, value, labels: { ...(labels as Readonly<Record<string, string>> | undefined) } });
