// Runs collectors: concurrently, each with its deadline, one collection at a time shared by all who ask, a failing one alone.
import { milliseconds } from "../components/units.ts";
import type { CollectorCause, exporter } from "../telemetry/catalogue/exporter.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics, Sample } from "../telemetry/metrics.ts";
import { type Collector, CollectorError, type Samples, type Target } from "./collector.ts";

/** A run that outlived its deadline keeps its collector out of later scrapes, for at most this long. */
const abandonedAfter = 60_000;

interface Job {
  readonly target: Target;
  readonly collector: Collector<never>;
  samples: Samples;
  freshUntil: number;
  /** When a run began that has not ended yet, deadline or not. */
  pendingSince: number | undefined;
  failing: boolean;
  /** The scrape that it ran in last. */
  round: object | undefined;
}

export interface Scraper {
  setTargets(targets: readonly Target[]): void;
  /**
   * Ends when every collector, or those of the named target, has answered or run out of time, in `budget` milliseconds at the
   * latest. One collection is under way at a time: who asks for no more than it brings shares it, anybody else waits for its end.
   */
  collect(budget: number, target?: string): Promise<void>;
  knows(target: string): boolean;
  samples(): readonly Sample[];
  close(): void;
}

export function createScraper(metrics: Metrics<typeof exporter>, log: Log): Scraper {
  const success = metrics.gauge("collector_success");
  const duration = metrics.gauge("collector_duration_seconds");
  const lastSuccess = metrics.gauge("collector_last_success_timestamp_seconds");
  const runs = metrics.counter("collector_runs_total");
  const failures = metrics.counter("collector_failures_total");
  const causes = metrics.counter("target_failures_total");
  const timeouts = metrics.counter("collector_timeouts_total");
  const shared = metrics.counter("exporter_scrapes_shared_total");
  const refusals = metrics.counter("exporter_samples_refused_total");
  const dropped = metrics.gauge("collector_series_dropped");
  const whole = metrics.gauge("exporter_scrape_duration_seconds");
  const jobs = new Map<string, Job>();
  const stop = new AbortController();
  let current: { readonly of: string | undefined; readonly done: Promise<void> } | undefined;
  /** The scrape that each target was part of last. */
  const latest = new WeakMap<Target, object>();

  async function run(job: Job, budget: number, round: object): Promise<void> {
    const { collector, target } = job;
    const began = performance.now();
    if (began < job.freshUntil) return;
    const labels = { collector: collector.name, target: target.name };
    const limit = Math.min(milliseconds(collector.timeout), budget);
    // No AbortSignal.any: a signal that has listeners would be kept as long as `stop`, with all that the run has read.
    const deadline = new AbortController();
    const { signal } = deadline;
    const end = (): void => deadline.abort();
    const timer = setTimeout(end, limit);
    stop.signal.addEventListener("abort", end, { once: true });
    const finish = (samples: Samples, cause: CollectorCause | undefined): void => {
      job.samples = samples;
      job.round = round;
      success.set(labels, cause === undefined ? 1 : 0);
      duration.set(labels, (performance.now() - began) / 1_000);
      runs.inc(labels);
      if (cause === undefined) lastSuccess.set(labels, Date.now() / 1_000);
      else {
        failures.inc(labels);
        causes.inc({ target: target.name, cause });
      }
      if (cause === "timeout") timeouts.inc(labels);
      if (job.failing !== (cause !== undefined)) {
        job.failing = cause !== undefined;
        if (job.failing) log.warn("collector fails", { ...labels, cause });
        else log.info("collector works again", labels);
      }
    };
    try {
      if (job.pendingSince !== undefined && began - job.pendingSince < abandonedAfter) throw new CollectorError("busy");
      job.pendingSince = began;
      let left = 0;
      const work = start(job, {
        signal,
        round,
        remaining: () => Math.max(0, began + limit - performance.now()),
        dropped: (series) => {
          left += series;
        },
      });
      const settled = (): void => {
        if (job.pendingSince === began) job.pendingSince = undefined;
      };
      work.then(settled, settled);
      const given = await Promise.race([work, whenAborted(signal)]);
      if (jobs.get(keyOf(target, collector)) !== job) return;
      const samples = given.filter(({ metric }) => collector.emits.includes(metric));
      refusals.inc({}, given.length - samples.length);
      if (collector.ttl !== undefined) job.freshUntil = performance.now() + milliseconds(collector.ttl);
      dropped.set(labels, left);
      finish(named(samples, target), undefined);
    } catch (error) {
      if (jobs.get(keyOf(target, collector)) !== job) return;
      const cause = signal.aborted ? "timeout" : error instanceof CollectorError ? error.kind : "other";
      finish(named(collector.failed?.(cause) ?? [], target), cause);
    } finally {
      clearTimeout(timer);
      stop.signal.removeEventListener("abort", end);
    }
  }

  async function collectFrom(target: string | undefined, budget: number): Promise<void> {
    const began = performance.now();
    const round = {};
    const asked = [...jobs.values()].filter((job) => target === undefined || job.target.name === target);
    for (const job of asked) latest.set(job.target, round);
    await Promise.all(asked.map((job) => run(job, budget, round)));
    if (target === undefined) whole.set({}, (performance.now() - began) / 1_000);
  }

  return {
    setTargets: (targets) => {
      const before = new Map(jobs);
      jobs.clear();
      for (const target of targets) {
        metrics.start({ target: target.name });
        for (const collector of target.collectors) {
          const key = keyOf(target, collector);
          const old = before.get(key);
          before.delete(key);
          jobs.set(key, old?.target === target ? old : newJob(target, collector));
          metrics.start({ collector: collector.name, target: target.name });
        }
      }
      for (const { target, collector } of before.values())
        metrics.forget({ collector: collector.name, target: target.name });
      const gone = new Set([...before.values()].map(({ target }) => target.name));
      for (const { target } of jobs.values()) gone.delete(target.name);
      for (const target of gone) metrics.forget({ target });
    },
    knows: (target) => [...jobs.values()].some((job) => job.target.name === target),
    collect: async (budget, target) => {
      const until = performance.now() + budget;
      while (current !== undefined) {
        const enough = current.of === undefined || current.of === target;
        if (enough) shared.inc({});
        await endOrTime(current.done, AbortSignal.timeout(Math.max(0, Math.ceil(until - performance.now()))));
        if (enough || performance.now() >= until) return;
      }
      const done = collectFrom(target, until - performance.now()).finally(() => {
        current = undefined;
      });
      current = { of: target, done };
      await done;
    },
    samples: () => {
      const all = [...jobs.values()];
      const down = new Set(all.filter((job) => job.failing && job.collector.failed).map(({ target }) => target));
      // What was kept from an earlier scrape would say that a target that is away is still there.
      return all.flatMap((job) => (job.round === latest.get(job.target) || !down.has(job.target) ? job.samples : []));
    },
    close: () => stop.abort(),
  };
}

/** A collector that throws before its first await fails like any other. */
async function start({ collector, target }: Job, run: Parameters<Target["context"]>[0]): Promise<Samples> {
  return collector.collect(target.context(run));
}

const keyOf = (target: Target, collector: Collector<never>): string => `${collector.name}/${target.name}`;

const newJob = (target: Target, collector: Collector<never>): Job => ({
  target,
  collector,
  samples: [],
  freshUntil: 0,
  pendingSince: undefined,
  failing: false,
  round: undefined,
});

const named = (samples: Samples, { labels }: Target): Samples =>
  samples.map((sample) => ({ ...sample, labels: { ...sample.labels, ...labels } }));

/** Resolves at the end of something that never fails, or when the time is over. */
export async function endOrTime(end: Promise<unknown>, late: AbortSignal): Promise<void> {
  await Promise.race([end, whenAborted(late).catch(() => undefined)]);
}

const whenAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(new CollectorError("timeout"));
    else signal.addEventListener("abort", () => reject(new CollectorError("timeout")), { once: true });
  });
