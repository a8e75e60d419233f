// One integration as a whole: what our probes say, what its vendor says, and what follows from both.
import {
  type FailureSource,
  failureSources,
  ownCauses,
  type ProbeCause,
  type Status,
  statuses,
  vendorStatuses,
} from "../../telemetry/catalogue/integrations.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Attributes } from "../../telemetry/redact.ts";
import { type Announced, announcedBy } from "./announcement.ts";
import type { IntegrationTarget } from "./config.ts";
import { announce, type HealthMetrics, record, showCertificate } from "./record.ts";
import { recurrence } from "./recurrence.ts";
import { delayOf, follow, type Outage, sourceOf } from "./source.ts";
import type { FeedResult, FeedTarget, Subscription } from "./subscribe.ts";
import { statusOf, type Verdict } from "./verdict.ts";
import { type State, type Surroundings, watchIntegration } from "./watch.ts";

export interface Integration {
  readonly target: IntegrationTarget;
  readonly state: () => Whole;
  /** As of what is watched. */
  stop(late?: AbortSignal): Promise<void>;
}

export interface Whole extends State {
  readonly status: Status;
  readonly source?: FailureSource;
  /** What the vendor said when the feed was read last. */
  readonly announced?: Announced;
  readonly outage?: Outage;
}

export interface Keeping {
  readonly metrics: HealthMetrics;
  readonly log: Log;
  readonly surroundings: Omit<Surroundings, "attempted" | "skipped">;
  readonly subscribe: (feed: FeedTarget, allow: readonly string[], read: (result: FeedResult) => void) => Subscription;
  /** Called after every attempt. */
  readonly changed?: (target: IntegrationTarget, whole: Whole) => void;
}

export function keep(
  target: IntegrationTarget,
  { metrics, log, surroundings, subscribe, changed }: Keeping,
): Integration {
  const labels = { integration: target.name };
  let announced: Announced | undefined;
  let outage: Outage | undefined;
  const causes = recurrence<ProbeCause>();
  const unread = recurrence<"unread">();
  announce(metrics, target);

  const watched = watchIntegration(target, {
    ...surroundings,
    skipped: (_, turns) => metrics.skipped.inc(labels, turns),
    attempted: (_, seen, before, verdict) => {
      record(metrics, target, seen, verdict);
      showCertificate(metrics, target, watched.state());
      const again = causes(seen.cause);
      for (const cause of ownCauses) metrics.own.set({ ...labels, cause }, again.has(cause) ? 1 : 0);
      tell(log, { ...labels, trace_id: seen.traceId }, before, verdict);
      show();
      changed?.(target, whole());
    },
  });
  showCertificate(metrics, target, watched.state());
  const whole = (): Whole => {
    const state = watched.state();
    const source = sourceOf(state.verdict, announced);
    return {
      ...state,
      status: statusOf(state.verdict, announced?.maintenance === true || inMaintenance(target, Date.now())),
      ...(source === undefined ? {} : { source }),
      ...(announced === undefined ? {} : { announced }),
      ...(outage === undefined ? {} : { outage }),
    };
  };
  const show = (): void => {
    const { verdict } = watched.state();
    outage = follow(outage, verdict, announced, Date.now());
    const delay = outage === undefined ? undefined : delayOf(outage);
    if (delay !== undefined) metrics.delay.set(labels, delay);
    const now = whole();
    for (const status of statuses) metrics.status.set({ ...labels, status }, status === now.status ? 1 : 0);
    for (const source of failureSources) metrics.source.set({ ...labels, source }, source === now.source ? 1 : 0);
  };
  const { feed } = target;
  const subscription =
    feed === undefined
      ? undefined
      : subscribe(feed, target.allow, ({ cause, reading, unknown }) => {
          metrics.feedReads.inc(labels);
          metrics.feedUnknown.inc(labels, unknown);
          metrics.feedFailing.set(labels, unread(cause && "unread").size);
          if (cause === undefined) metrics.feedSuccess.set(labels, Date.now() / 1_000);
          else metrics.feedFailures.inc({ ...labels, cause });
          // A feed that cannot be read says nothing, neither good nor bad.
          announced = cause === undefined && reading ? announcedBy(reading, feed.components, feed.url) : undefined;
          const vendorStatus = announced?.status ?? "unknown";
          for (const status of vendorStatuses)
            metrics.vendor.set({ ...labels, status }, status === vendorStatus ? 1 : 0);
          metrics.incidents.set(labels, announced?.incidents ?? 0);
          show();
        });
  return {
    target,
    state: whole,
    stop: async (late) => {
      await Promise.all([watched.stop(late), subscription?.stop()]);
    },
  };
}

export const inMaintenance = ({ maintenance }: IntegrationTarget, at: number): boolean =>
  maintenance.some(({ from, until }) => at >= Date.parse(from) && at < Date.parse(until));

function tell(log: Log, about: Attributes, before: Verdict, { up, cause }: Verdict): void {
  if (up === before.up) return;
  if (up === false) log.warn("integration is down", { ...about, cause });
  else if (before.up === false && up === true) log.info("integration is up", about);
}
