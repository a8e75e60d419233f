// The contract of a probe kind, and the clock that splits an attempt into phases that add up to its whole.
import { type ProbeCause, type ProbePhase, probePhases } from "../../telemetry/catalogue/integrations.ts";
import { tlsCodes } from "../tls-codes.ts";
import { ofTheNetwork } from "./connectivity.ts";

export interface Attempt extends Findings {
  readonly cause?: ProbeCause;
  /** It failed so, and that is what is wanted. */
  readonly wanted?: ProbeCause;
  /** Seconds by phase; their sum is the whole. */
  readonly phases: Readonly<Partial<Record<ProbePhase, number>>>;
  /** The way it took in time; what is simulated has none. */
  readonly course?: Course;
  /** Of the trace that was made of it. */
  readonly traceId?: string;
}

export interface Course {
  /** In milliseconds since 1970. */
  readonly began: number;
  /** One after another and without a gap; a redirect makes a phase come twice. */
  readonly steps: readonly { readonly phase: ProbePhase; readonly seconds: number }[];
}

/** What is seen on the way, whether or not the attempt succeeds. */
export interface Findings {
  /** `expiry` in seconds since 1970; `valid`: it was accepted. */
  certificate?: { readonly expiry: number; readonly valid: boolean };
  /** Sent and received. */
  bytes?: number;
}

/** How the other side is reached and trusted. */
export interface Way {
  /** The authority that is trusted in the place of the public ones. */
  readonly ca?: string | undefined;
  /** What leads to the internet; networks of our own are reached without it. */
  readonly proxy?: HttpProxy | undefined;
}

/** An HTTP proxy that opens tunnels. */
export interface HttpProxy {
  /** host:port */
  readonly address: string;
  /** `user:password`, where it wants one. */
  readonly credential: () => Promise<string | undefined>;
}

/** What an attempt is made with. */
export interface Trial extends Way {
  /** Aborted at the deadline; all that was opened must be closed by then. */
  readonly signal: AbortSignal;
  readonly clock: PhaseClock;
  readonly found: Findings;
  /** The target's secret; undefined when it has none. Throws a ProbeError when it cannot be read. */
  readonly credential: () => Promise<string | undefined>;
}

/** One attempt against a target. It ends well, or throws: a ProbeError when the class is known, else whatever Node threw. */
export type Probe<T> = (target: T, trial: Trial) => Promise<void>;

export class ProbeError extends Error {
  readonly kind: ProbeCause;

  constructor(kind: ProbeCause) {
    super(kind);
    this.name = "ProbeError";
    this.kind = kind;
  }
}

export interface PhaseClock {
  /** Ends the phase under way and begins the next. */
  begin(phase: ProbePhase): void;
  /** Seconds since the attempt began. */
  total(): number;
  /** Ends the last phase. */
  end(): Required<Pick<Attempt, "phases" | "course">>;
}

export function phaseClock(now: () => number = () => performance.now()): PhaseClock {
  const steps: Course["steps"][number][] = [];
  const startedAt = Date.now();
  const began = now();
  let since = began;
  let phase: ProbePhase = probePhases[0];
  const close = (): void => {
    const at = now();
    steps.push({ phase, seconds: (at - since) / 1_000 });
    since = at;
  };
  return {
    begin: (next) => {
      if (next === phase) return;
      close();
      phase = next;
    },
    total: () => (now() - began) / 1_000,
    end: () => {
      close();
      const phases: Partial<Record<ProbePhase, number>> = {};
      for (const step of steps) phases[step.phase] = (phases[step.phase] ?? 0) + step.seconds;
      return { phases, course: { began: startedAt, steps } };
    },
  };
}

export interface Attempted<T> {
  readonly probe: Probe<T>;
  readonly target: T;
  readonly timeoutMs: number;
  readonly stop: AbortSignal;
  readonly way?: Way;
  readonly credential?: Trial["credential"];
  /** Causes that are what is wanted. */
  readonly expectFailure?: readonly string[];
}

/** Runs a probe once. Never throws and never outlives its deadline, whatever the probe does. */
export async function attempt<T>({
  probe,
  target,
  timeoutMs,
  stop,
  way,
  credential = async () => undefined,
  expectFailure = [],
}: Attempted<T>): Promise<Attempt> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), timeoutMs);
  const signal = AbortSignal.any([deadline.signal, stop]);
  const clock = phaseClock();
  const found: Findings = {};
  let seen: ProbeCause | undefined;
  try {
    await Promise.race([probe(target, { signal, clock, found, credential, ...way }), rejectOn(signal)]);
  } catch (error) {
    seen = deadline.signal.aborted ? "timeout" : classify(error);
  }
  const course = clock.end();
  clearTimeout(timer);
  // Closes and counts what a probe that lost the race, or that is done, still holds.
  deadline.abort();
  const ended = expectFailure.length === 0 ? seen && { cause: seen } : reversed(seen, expectFailure);
  return { ...ended, ...found, ...course };
}

/** Of what must fail, an answer of any kind is wrong; what failed on its way in another manner has proven nothing of the kind. */
function reversed(seen: ProbeCause | undefined, wanted: readonly string[]): Pick<Attempt, "cause" | "wanted"> {
  if (seen === undefined) return { cause: "assertion" };
  if (wanted.includes(seen)) return { wanted: seen };
  return { cause: ofTheNetwork.has(seen) || seen === "refused" ? seen : "assertion" };
}

const rejectOn = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new ProbeError("timeout")), { once: true });
  });

const connectCodes = /^(?:ECONN|EHOST|ENET|EPIPE|EADDR|EACCES|EPERM|UND_ERR_SOCKET)/;
const dnsCodes = /^(?:ENOTFOUND|EAI_|ENODATA|ESERVFAIL|EREFUSED|ENONAME|EBADNAME|ENOTIMP)/;

/** The class of a failure, from its code and never from its text. */
export function classify(error: unknown): ProbeCause {
  if (error instanceof ProbeError) return error.kind;
  const code = String((error as { code?: unknown } | undefined)?.code ?? "");
  if (dnsCodes.test(code)) return "dns";
  if (code === "ETIMEDOUT" || code === "ETIMEOUT") return "timeout";
  if (connectCodes.test(code)) return "connect";
  if (tlsCodes.test(code)) return "tls";
  // An answer that is not HTTP is an answer that was not expected.
  if (code.startsWith("HPE_")) return "assertion";
  return "other";
}
