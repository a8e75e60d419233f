// What the pages tell of an integration, as plain data: the API has all of it, the status page the public part.
import type { FailureSource, ProbeCause, Status, VendorStatus } from "../../telemetry/catalogue/integrations.ts";
import { type Day, type History, pointMs } from "./history.ts";
import type { Integration } from "./integration.ts";
import { secondsOf } from "./record.ts";
import { delayOf } from "./source.ts";

export interface View {
  readonly name: string;
  readonly status: Status;
  /** Milliseconds of the last attempt. */
  readonly responseTime: number | null;
  readonly lastChecked: string | null;
  readonly error?: ProbeCause;
  readonly details: {
    readonly probe: string;
    readonly since: string | null;
    readonly source: FailureSource | null;
    readonly vendor: {
      readonly status: VendorStatus;
      readonly incidents: number;
      readonly link: string | null;
    } | null;
    /** Seconds from our detection to their announcement, of the outage under way. */
    readonly announcementDelay: number | null;
    readonly certificateExpires: string | null;
    readonly offline: boolean;
  };
}

export function viewOf({ target, state }: Integration): View {
  const { status, verdict, last, checkedAt, certificate, source, announced, outage } = state();
  return {
    name: target.name,
    status,
    responseTime: last === undefined ? null : Math.round(secondsOf(last) * 1_000),
    lastChecked: instant(checkedAt),
    ...(verdict.cause === undefined ? {} : { error: verdict.cause }),
    details: {
      probe: target.probe,
      since: verdict.since === 0 ? null : instant(verdict.since),
      source: source ?? null,
      vendor:
        announced === undefined
          ? null
          : { status: announced.status, incidents: announced.incidents, link: announced.link ?? null },
      announcementDelay: (outage && delayOf(outage)) ?? null,
      certificateExpires: instant(certificate && certificate.expiry * 1_000),
      offline: verdict.offline,
    },
  };
}

const dayMs = 86_400_000;

export interface Past {
  readonly history: readonly {
    readonly from: string;
    readonly attempts: number;
    readonly failures: number;
    readonly responseTime: number | null;
  }[];
  /** Shares of the known time; null where nothing is known. */
  readonly uptime: { readonly "24h": number | null; readonly "7d": number | null; readonly "30d": number | null };
}

export function pastOf(history: History, name: string, now: number): Past {
  const share = (days: number) => history.uptime(name, now - days * dayMs, now) ?? null;
  return {
    history: history
      .points(name)
      .filter(([from]) => from > now - dayMs - pointMs)
      .map(([from, attempts, failures, sum]) => ({
        from: new Date(from).toISOString(),
        attempts,
        failures,
        responseTime: attempts > failures ? Math.round((1_000 * sum) / (attempts - failures)) : null,
      })),
    uptime: { "24h": share(1), "7d": share(7), "30d": share(30) },
  };
}

export const daysOf = (history: History, name: string, now: number): readonly Day[] => history.days(name, 90, now);

const instant = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
