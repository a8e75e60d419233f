// Which side a failure is on, from two sources: our own probes and what the vendor says. Pure.
import type { FailureSource } from "../../telemetry/catalogue/integrations.ts";
import { countsAsDown, type Verdict } from "./verdict.ts";

/** What the vendor says of itself, for one integration. */
export interface Announcement {
  /** Something of what we use is not as it should be. */
  readonly troubled: boolean;
  readonly maintenance: boolean;
  /** When they first said so, in milliseconds since 1970. */
  readonly since?: number;
  /** The incident's own page. */
  readonly link?: string;
}

/** undefined: nothing is wrong. Without a feed nobody confirms. */
export function sourceOf(verdict: Verdict, announced: Announcement | undefined): FailureSource | undefined {
  if (verdict.offline || (verdict.cause !== undefined && !countsAsDown(verdict.cause))) return "ours";
  if (verdict.up === false)
    return announced?.troubled === true || announced?.maintenance === true ? "vendor_confirmed" : "vendor_unannounced";
  return announced?.troubled === true ? "status_page_only" : undefined;
}

/** One outage as we and they saw it. */
export interface Outage {
  /** When our first failed attempt of it ended. */
  readonly detected: number;
  /** When we first knew that they say so. */
  readonly announced?: number;
}

/** Follows an outage; it is forgotten when it is over. */
export function follow(
  outage: Outage | undefined,
  verdict: Verdict,
  announced: Announcement | undefined,
  now: number,
): Outage | undefined {
  if (verdict.up !== false) return undefined;
  const known = outage ?? { detected: verdict.since };
  if (known.announced !== undefined || announced?.troubled !== true) return known;
  return { ...known, announced: announced.since ?? now };
}

/** Seconds from our detection to their announcement; negative when they were first. */
export const delayOf = ({ detected, announced }: Outage): number | undefined =>
  announced === undefined ? undefined : (announced - detected) / 1_000;
