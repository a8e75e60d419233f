// Who may read what is not for everybody: a bearer of a static token, or of a JWT of a known issuer that names the role `manager`.
import { createHash, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { JWTVerifyGetKey } from "jose";
import { z } from "zod";
import { type Page, type PageRequest, problem, type Route } from "./exporter.ts";

export const accessShape = z.strictObject({
  /** A file whose content is a token. */
  tokenFile: z.string().min(1).optional(),
  jwt: z
    .strictObject({
      issuer: z.string().min(1),
      audience: z.string().min(1),
      /** Where the issuer's keys are: a URL, or a file with a JSON Web Key Set. */
      jwksUrl: z.url({ protocol: /^https?$/ }).optional(),
      jwksFile: z.string().min(1).optional(),
      /** The claim that lists roles. */
      rolesClaim: z.string().min(1).default("roles"),
    })
    .refine(({ jwksUrl, jwksFile }) => (jwksUrl === undefined) !== (jwksFile === undefined), {
      message: "needs jwksUrl or jwksFile, and not both",
    })
    .optional(),
});

export type Access = z.infer<typeof accessShape>;

export const role = "manager";

/** Symmetric algorithms are left out: whoever could check such a token could also make one. */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/** The page behind the guard. Each token is judged anew, so a rotated secret or key counts at once. */
export const guarded =
  (access: () => Access, route: Route): Route =>
  async (request) =>
    (await refusal(access(), request)) ?? route(request);

async function refusal({ tokenFile, jwt }: Access, { headers }: PageRequest): Promise<Page | undefined> {
  const token = /^Bearer ([\x21-\x7e]{1,8192})$/i.exec(String(headers.authorization ?? ""))?.[1];
  if (token === undefined) return unauthorized("A bearer token is needed.");
  if (tokenFile !== undefined && (await isToken(token, tokenFile))) return undefined;
  if (jwt === undefined) return unauthorized("The token is not valid.");
  return judgeJwt(token, jwt);
}

async function judgeJwt(token: string, jwt: NonNullable<Access["jwt"]>): Promise<Page | undefined> {
  const { errors, jwtVerify } = await import("jose");
  try {
    const { issuer, audience, rolesClaim } = jwt;
    const { payload } = await jwtVerify(token, await keysOf(jwt), {
      issuer,
      audience,
      algorithms,
      requiredClaims: ["exp"],
      clockTolerance: 30,
    });
    const roles = payload[rolesClaim];
    const list = Array.isArray(roles) ? roles : typeof roles === "string" ? roles.split(" ") : [];
    return list.includes(role) ? undefined : problem(403, `The role ${role} is needed.`);
  } catch (error) {
    // The issuer's keys cannot be had: that is not the bearer's fault.
    const away = !(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout;
    return away ? problem(503, "The issuer's keys cannot be read.") : unauthorized("The token is not valid.");
  }
}

const remote = new Map<string, JWTVerifyGetKey>();

async function keysOf({ jwksUrl, jwksFile = "" }: NonNullable<Access["jwt"]>): Promise<JWTVerifyGetKey> {
  const { createLocalJWKSet, createRemoteJWKSet } = await import("jose");
  if (jwksUrl === undefined) return createLocalJWKSet(JSON.parse(await readFile(jwksFile, "utf8")));
  const known = remote.get(jwksUrl) ?? createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: 3_000 });
  remote.set(jwksUrl, known);
  return known;
}

async function isToken(token: string, path: string): Promise<boolean> {
  const wanted = (await readFile(path, "utf8").catch(() => "")).trim();
  // Hashes are of one length, so that the comparison tells nothing of the token.
  return wanted !== "" && timingSafeEqual(hash(token), hash(wanted));
}

const hash = (text: string): Buffer => createHash("sha256").update(text).digest();

const unauthorized = (detail: string): Page => {
  const page = problem(401, detail);
  return { ...page, headers: { ...page.headers, "www-authenticate": 'Bearer realm="vitals"' } };
};
