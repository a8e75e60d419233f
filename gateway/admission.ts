// Whether a request may go on: who asks, how often, and for what.
import type { FastifyReply, FastifyRequest } from "fastify";
import { HttpProblem } from "../components/server.ts";
import type { refusals } from "../telemetry/catalogue/gateway.ts";
import { authorize, type Caller, type Callers } from "./callers.ts";
import type { Limits } from "./limits.ts";
import type { Measures } from "./measures.ts";
import type { Role } from "./route.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Set by the route's onRequest; a route that admits nobody must not read it. */
    caller: Caller;
  }
}

/**
 * Throws an HttpProblem, or rejects with one, when it may not. Without `roles`, whoever is somebody may. Who is known already and
 * not counted is told at once: most are, and each turn of a promise costs them all.
 */
export type Admit = (request: FastifyRequest, reply: FastifyReply, roles?: readonly Role[]) => Promise<Caller> | Caller;

export interface AdmissionOptions {
  readonly callers: Callers;
  readonly limits: Limits | undefined;
  readonly measures: Measures;
}

const reasons: Readonly<Record<number, (typeof refusals)[number]>> = {
  401: "unauthorized",
  403: "forbidden",
  429: "limited",
  503: "issuer_away",
};

export function admission({ callers, limits, measures }: AdmissionOptions): Admit {
  const refuse = (thrown: unknown): never => {
    const reason = thrown instanceof HttpProblem ? reasons[thrown.status] : undefined;
    if (reason !== undefined) measures.refused(reason);
    throw thrown;
  };
  const admit = (caller: Caller, roles: readonly Role[] | undefined): Caller => {
    if (roles !== undefined) authorize(caller, roles);
    return caller;
  };
  const inTurn = async (found: Promise<Caller> | Caller, reply: FastifyReply, roles: readonly Role[] | undefined) => {
    const caller = await found;
    if (limits !== undefined) reply.headers(await limits.take(caller));
    return admit(caller, roles);
  };
  return (request, reply, roles) => {
    try {
      const found = callers(request);
      if (limits === undefined && !(found instanceof Promise)) return admit(found, roles);
      return inTurn(found, reply, roles).catch(refuse);
    } catch (thrown) {
      return refuse(thrown);
    }
  };
}
