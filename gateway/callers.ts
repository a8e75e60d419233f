// Who asks: the bearer of a token of the platform's issuer, with the roles that it names.
import type { FastifyRequest } from "fastify";
import { HttpProblem } from "../components/server.ts";
import { bearerOf, type Issuer, judgeToken } from "../components/tokens.ts";
import { type Role, roles } from "./route.ts";

export interface Caller {
  /** Told apart by it, never shown. */
  readonly subject: string;
  readonly roles: readonly Role[];
  /** The same for those, and only those, who may see the same: an answer is shared within it. */
  readonly scope: string;
}

export type Callers = (request: FastifyRequest) => Promise<Caller> | Caller;

/** A token that was judged is good for so long without another look: a revoked key counts after it. */
const goodForMs = 30_000;
const mostRemembered = 10_000;

interface Remembered {
  readonly header: string;
  readonly caller: Caller;
  readonly until: number;
}

/** Whoever was found last on a connection: most often the next one is the same, and a token takes longer to look up than to compare. */
const latest = Symbol("latest caller");
type Connection = FastifyRequest["socket"] & { [latest]?: Remembered };

/** Throws 401 for whoever is nobody, and 503 when the issuer's keys cannot be had. */
export function callersOf(issuer: Issuer, now = Date.now): Callers {
  const remembered = new Map<string, Remembered>();
  return ({ headers, raw }) => {
    const header = headers.authorization ?? "";
    const socket: Connection = raw.socket;
    const time = now();
    const last = socket[latest];
    if (last?.header === header && time < last.until) return last.caller;
    const known = remembered.get(header);
    if (known !== undefined && time < known.until) {
      socket[latest] = known;
      return known.caller;
    }
    remembered.delete(header);
    const token = bearerOf(header);
    if (token === undefined) throw unauthorized("A bearer token is needed.");
    return judge(header, token);
  };

  async function judge(header: string, token: string): Promise<Caller> {
    const judged = await judgeToken(token, issuer);
    if (judged.kind === "away") throw new HttpProblem(503, "Tokens cannot be checked: their issuer is away.");
    if (judged.kind === "invalid") throw unauthorized("The token is not valid.");
    const { sub, exp = 0, tenant } = judged.claims;
    const caller = callerOf(sub ?? "", tenant, judged.roles);
    if (remembered.size >= mostRemembered) remembered.clear();
    remembered.set(header, { header, caller, until: Math.min(now() + goodForMs, exp * 1_000) });
    return caller;
  }
}

/** A tenant may be a name, a number, or whatever the issuer tells tenants apart by. */
function callerOf(subject: string, tenant: unknown, named: readonly string[]): Caller {
  const known = roles.filter((role) => named.includes(role));
  return { subject: JSON.stringify([tenant, subject]), roles: known, scope: JSON.stringify([tenant, ...known]) };
}

/** Throws 403 unless the caller has one of the roles. */
export function authorize(caller: Caller, allowed: readonly Role[]): void {
  if (!allowed.some((role) => caller.roles.includes(role)))
    throw new HttpProblem(403, `One of these roles is needed: ${allowed.join(", ")}.`);
}

const unauthorized = (detail: string): HttpProblem =>
  new HttpProblem(401, detail, { "www-authenticate": 'Bearer realm="gateway"' });
