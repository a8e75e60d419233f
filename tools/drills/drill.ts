// A drill: a fault that is really injected into a running stack, the Slack message that must follow, and what shows its cause.
import type { Path } from "../../components/spec.ts";
import type { Expr } from "../../telemetry/promql.ts";

export interface Drill {
  readonly name: string;
  /** What happens, for people. */
  readonly says: string;
  /** The alert whose message has to arrive, and to end. */
  readonly alert: string;
  /** Whom the message is about: the label `service`. */
  readonly about: string;
  /** Promised seconds from the fault to the message. */
  readonly within: number;
  /** The service that it breaks, which the stack has to run itself. */
  readonly breaks: string;
  readonly inject: (breaker: Breaker) => Promise<unknown>;
  /**
   * Where the walk from the message ends: a query that answers only while the cause is there. Its metric is one that the alert's
   * runbook names. Left out where Prometheus itself is what is gone.
   */
  readonly cause?: Expr;
  /**
   * What is ill makes traces while it is: the message's search has to find some, and a traced measurement of a panel, made since the
   * fault, has to lead to one.
   */
  readonly traced?: boolean;
}

/** What a drill may do to a stack. Each way undoes itself when the drill is over, the last one first. */
export interface Breaker {
  /** Ends a service for good. */
  readonly stop: (service: string) => Promise<void>;
  /** Stops its process as a debugger would, and each that follows it: it is there, and does nothing. */
  readonly freeze: (service: string) => void;
  /** Ends its process without a warning; the supervisor starts another one. */
  readonly kill: (service: string) => void;
  /** Turns on a fault of demo-vendor. */
  readonly vendor: (fault: string) => Promise<void>;
  /** Changes a file that the service watches, or reads again: at SIGHUP, or when it was ended and the supervisor starts another. */
  readonly rewrite: (
    service: string,
    path: Path,
    change: (text: string) => string,
    read?: "SIGHUP" | "SIGKILL",
  ) => void;
  /** Listens on loopback with a certificate for `localhost` that ends in so many seconds; with its address and that certificate. */
  readonly serveTls: (seconds: number) => Promise<{ readonly address: string; readonly certificate: string }>;
  /** Sends a statement to demo-postgres as its administrator; `undo` is sent in the end. */
  readonly sql: (statement: string, undo: string) => Promise<void>;
  /** A session of demo-postgres that sends these statements, one after the other, and stays. The last one may never be answered. */
  readonly session: (...statements: readonly string[]) => Promise<void>;
  /** Takes every connection of demo-postgres that is left for those who are no superusers. */
  readonly takeConnections: () => Promise<void>;
  /** Takes room on the disk that holds the stack's state until less than this share is free. */
  readonly fillDisk: (leave: number) => Promise<void>;
  readonly wait: (milliseconds: number) => Promise<void>;
}
