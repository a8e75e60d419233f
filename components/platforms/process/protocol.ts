// What travels between provider and supervisor over the stack's socket: HTTP with JSON bodies. Shapes only.
import type { InstancePlan } from "./plan.ts";
import type { State } from "./records.ts";

/** Raised when a request's or an answer's shape changes; both sides refuse another number. */
export const protocolVersion = 2;

/** A file with its secrets filled in. It travels over the socket and lands on disk with mode 0600, nowhere else. */
export interface FinishedFile {
  readonly path: string;
  readonly text: string;
  readonly apply: "restart" | "watched" | { readonly signal: "SIGHUP" };
  readonly seed: boolean;
}

/** Everything that is needed to run one instance. */
export interface Delivery {
  readonly plan: Omit<InstancePlan, "files">;
  readonly files: readonly FinishedFile[];
  readonly command: string;
  readonly commandArgs: readonly string[];
  /** Binaries that checks run, by tool name. */
  readonly binaries: Readonly<Record<string, string>>;
  /** Secret values to be cut out of any text that reaches a person. */
  readonly hide: readonly string[];
}

export interface InstanceStatus {
  readonly service: string;
  readonly instance: string;
  readonly kind: InstancePlan["kind"];
  readonly state: State;
  readonly version: string;
  readonly restarts: number;
  readonly pid?: number;
  readonly startedAt?: number;
  readonly readyAfterMs?: number;
  readonly reason?: string;
}

export interface Hello {
  readonly protocol: number;
  readonly pid: number;
  readonly code: string;
}

/** `ready`: it reached readiness (or a job its end) after that many milliseconds. */
export interface Applied {
  readonly change: "none" | "started" | "reloaded" | "restarted";
  readonly readyAfterMs: number;
}
