// JSON Web Tokens: who the bearer is by the word of an issuer whose keys are known.
import { readFile } from "node:fs/promises";
import type { JWTPayload, JWTVerifyGetKey } from "jose";
import { z } from "zod";

export const issuerShape = z
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
  });

export type Issuer = z.infer<typeof issuerShape>;

/** `away`: the issuer's keys cannot be had, which is not the bearer's fault. */
export type Judgement =
  | { readonly kind: "valid"; readonly claims: JWTPayload; readonly roles: readonly string[] }
  | { readonly kind: "invalid" }
  | { readonly kind: "away" };

/** Symmetric algorithms are left out: whoever could check such a token could also make one. */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/** The token of an `Authorization: Bearer` header; undefined when there is none. */
export const bearerOf = (header: string | undefined): string | undefined =>
  /^Bearer ([\x21-\x7e]{1,8192})$/i.exec(header ?? "")?.[1];

/** Judges a token by signature, issuer, audience and time, with 30 s of tolerance. Never throws. */
export async function judgeToken(token: string, issuer: Issuer): Promise<Judgement> {
  const { errors, jwtVerify } = await import("jose");
  try {
    const { payload } = await jwtVerify(token, await keysOf(issuer), {
      issuer: issuer.issuer,
      audience: issuer.audience,
      algorithms,
      requiredClaims: ["exp"],
      clockTolerance: 30,
    });
    const roles = payload[issuer.rolesClaim];
    const list = Array.isArray(roles) ? roles : typeof roles === "string" ? roles.split(" ") : [];
    return { kind: "valid", claims: payload, roles: list.filter((role) => typeof role === "string") };
  } catch (error) {
    const away =
      !(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout || error.code === "ERR_JOSE_GENERIC";
    return { kind: away ? "away" : "invalid" };
  }
}

const remote = new Map<string, JWTVerifyGetKey>();

async function keysOf({ jwksUrl, jwksFile = "" }: Issuer): Promise<JWTVerifyGetKey> {
  const { createLocalJWKSet, createRemoteJWKSet } = await import("jose");
  if (jwksUrl === undefined) return createLocalJWKSet(JSON.parse(await readFile(jwksFile, "utf8")));
  const known = remote.get(jwksUrl);
  if (known !== undefined) return known;
  const keys = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: 3_000, cooldownDuration: 5_000 });
  /** An issuer that is away takes nobody down: the keys that it gave last count on. */
  const lenient: JWTVerifyGetKey = (header, input) =>
    keys(header, input).catch((error: unknown) => {
      const last = keys.jwks();
      if (last === undefined) throw error;
      return createLocalJWKSet(last)(header, input).catch(() => {
        throw error;
      });
    });
  remote.set(jwksUrl, lenient);
  return lenient;
}
