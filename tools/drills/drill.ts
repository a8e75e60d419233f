// A drill: a fault that is really injected into a running stack, the Slack message that must follow, and the cure.
import type { Running } from "../stack/running.ts";

export interface Drill {
  readonly name: string;
  /** What happens, for people. */
  readonly says: string;
  /** The alert whose message has to arrive, and to end. */
  readonly alert: string;
  /** Promised seconds from the fault to the message. */
  readonly within: number;
  /** The services that the stack has to run itself. */
  readonly needs: readonly string[];
  readonly inject: (stage: Stage) => Promise<void>;
  readonly heal: (stage: Stage) => Promise<void>;
}

/** What a drill may do to a stack. */
export interface Stage {
  readonly services: readonly Running[];
  /** Ends a service for good, until it is started again. */
  readonly stop: (service: string) => Promise<void>;
  readonly start: (service: string) => Promise<void>;
  /** Sends a request to a service's port `web`; throws when it refuses. */
  readonly send: (service: string, method: "PUT" | "DELETE", path: string) => Promise<void>;
}
