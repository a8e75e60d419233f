// What an integration counts as: a change of mind needs two attempts that agree, the second spaced from the first.
import type { ProbeCause } from "../../telemetry/catalogue/integrations.ts";

export interface Verdict {
  /** undefined until the first verdict. */
  readonly up: boolean | undefined;
  /** The last attempt speaks against the verdict and waits for its confirmation. */
  readonly doubted: boolean;
  readonly cause?: ProbeCause;
}

export const undecided: Verdict = { up: undefined, doubted: false };

/** Their side answered; that it refused us is ours to mend. */
export const countsAsDown = (cause: ProbeCause | undefined): boolean =>
  cause !== undefined && cause !== "rate_limited" && cause !== "auth";

export function judge(before: Verdict, cause: ProbeCause | undefined): Verdict {
  const works = !countsAsDown(cause);
  const why = cause === undefined ? {} : { cause };
  // The first good answer needs no confirmation; the first bad one does.
  const agrees = works === before.up || (before.up === undefined && works);
  if (agrees || before.doubted) return { up: works, doubted: false, ...why };
  return { up: before.up, doubted: true, ...why };
}

export type Status = "healthy" | "degraded" | "unhealthy" | "maintenance" | "unknown" | "error";

/** As the JSON page calls it. */
export function statusOf({ up, doubted, cause }: Verdict): Status {
  if (up === false) return "unhealthy";
  if (up === undefined) return "unknown";
  return doubted || cause !== undefined ? "degraded" : "healthy";
}

const worstFirst: readonly Status[] = ["unhealthy", "error", "degraded", "unknown", "maintenance", "healthy"];

export const worst = (statuses: readonly Status[]): Status =>
  worstFirst.find((status) => statuses.includes(status)) ?? "unknown";
