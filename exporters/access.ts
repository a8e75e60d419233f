// Who may read what is not for everybody: a bearer of a static token, or of a JWT of a known issuer that names the role `manager`.
import { createHash, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { bearerOf, type Issuer, issuerShape, judgeToken } from "../components/tokens.ts";
import { type Page, type PageRequest, problem, type Route } from "./exporter.ts";

export const accessShape = z.strictObject({
  /** A file whose content is a token. */
  tokenFile: z.string().min(1).optional(),
  jwt: issuerShape.optional(),
});

export type Access = z.infer<typeof accessShape>;

export const role = "manager";

/** The page behind the guard. Each token is judged anew, so a rotated secret or key counts at once. */
export const guarded =
  (access: () => Access, route: Route): Route =>
  async (request) =>
    (await refusal(access(), request)) ?? route(request);

async function refusal({ tokenFile, jwt }: Access, { headers }: PageRequest): Promise<Page | undefined> {
  const token = bearerOf(String(headers.authorization ?? ""));
  if (token === undefined) return unauthorized("A bearer token is needed.");
  if (tokenFile !== undefined && (await isToken(token, tokenFile))) return undefined;
  if (jwt === undefined) return unauthorized("The token is not valid.");
  return judgeJwt(token, jwt);
}

async function judgeJwt(token: string, issuer: Issuer): Promise<Page | undefined> {
  const judged = await judgeToken(token, issuer);
  if (judged.kind === "away") return problem(503, "The issuer's keys cannot be read.");
  if (judged.kind === "invalid") return unauthorized("The token is not valid.");
  return judged.roles.includes(role) ? undefined : problem(403, `The role ${role} is needed.`);
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
