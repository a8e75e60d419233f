// What an integration counts as, as a pure state machine: attempts go in, a change of mind needs several that agree.
import { ownCauses, type ProbeCause, type Status } from "../../telemetry/catalogue/integrations.ts";

/** When an integration counts as down, and when as up again. */
export interface Policy {
  /** Down when so many of the last `of` attempts failed, the last one among them. */
  readonly failures: number;
  readonly of: number;
  /** Up again after so many good attempts in a row. */
  readonly successes: number;
}

export interface Verdict {
  /** Confirmed; undefined until the first verdict, and while we are offline ourselves or may not ask. */
  readonly up?: boolean | undefined;
  /** When `up` came to be what it is, in milliseconds since 1970. */
  readonly since: number;
  /** When the attempts that speak against `up` began; another one is due soon. */
  readonly doubtedSince?: number;
  /** Of the last attempt; of the one that turned it down, while it is down. */
  readonly cause?: ProbeCause;
  readonly offline: boolean;
  /** Whether the last attempts worked, the newest last. */
  readonly recent: readonly boolean[];
}

/** One attempt: when it ended, why it failed, and whether we were offline ourselves. */
export interface Observation {
  readonly at: number;
  readonly cause?: ProbeCause | undefined;
  readonly offline?: boolean;
}

export const undecided: Verdict = { up: undefined, since: 0, offline: false, recent: [] };

const ours: ReadonlySet<ProbeCause> = new Set(ownCauses);

/** Their side answered, or was never asked; that it refused us is ours to mend. */
export const countsAsDown = (cause: ProbeCause | undefined): boolean => cause !== undefined && !ours.has(cause);

export function judge(before: Verdict, { at, cause, offline = false }: Observation, policy: Policy): Verdict {
  // Nothing that was seen meanwhile says anything about the other side, and nothing that was seen before says how it is now.
  if (offline || cause === "refused") {
    const same = before.up === undefined && before.offline === offline && before.since > 0;
    return { up: undefined, since: same ? before.since : at, offline, recent: [], ...withCause(cause) };
  }
  const works = !countsAsDown(cause);
  const recent = [...before.recent, works].slice(-Math.max(policy.of, policy.successes));
  const up = decide(before.up, recent, policy);
  const changed = up !== before.up || before.offline;
  const against = up === undefined ? !works : works !== up;
  return {
    up,
    since: changed ? at : before.since,
    offline: false,
    recent,
    ...(against ? { doubtedSince: before.doubtedSince ?? at } : {}),
    ...withCause(up === false && works ? before.cause : cause),
  };
}

function decide(up: boolean | undefined, recent: readonly boolean[], { failures, of, successes }: Policy) {
  const works = recent.at(-1) === true;
  if (up !== false && works) return true;
  if (up === false && recent.length >= successes && recent.slice(-successes).every(Boolean)) return true;
  if (!works && recent.slice(-of).filter((each) => !each).length >= failures) return false;
  return up;
}

const withCause = (cause: ProbeCause | undefined) => (cause === undefined ? {} : { cause });

/** As the JSON page and the status page call it. What works is healthy, whatever was announced. */
export function statusOf({ up, doubtedSince, cause }: Verdict, maintenance = false): Status {
  if (up === true && doubtedSince === undefined && cause === undefined) return "healthy";
  if (up === undefined) return cause === "refused" ? "error" : "unknown";
  if (maintenance) return "maintenance";
  return up ? "degraded" : "unhealthy";
}

const worstFirst: readonly Status[] = ["unhealthy", "error", "degraded", "unknown", "maintenance", "healthy"];

export const worst = (statuses: readonly Status[]): Status =>
  worstFirst.find((status) => statuses.includes(status)) ?? "unknown";
