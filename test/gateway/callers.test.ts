// Which tokens make somebody of a request: those of the issuer alone, by its keys and algorithms, for this audience, in their time.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, exportSPKI, generateKeyPair, type JWTHeaderParameters, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HttpProblem } from "../../components/server.ts";
import { type Caller, type Callers, callersOf } from "../../gateway/callers.ts";

const names = { issuer: "https://login.clinic.example", audience: "clinic-api", rolesClaim: "roles" };
const seconds = () => Math.floor(Date.now() / 1_000);

describe("a caller", () => {
  let folder: string;
  let callers: Callers;
  let pair: Awaited<ReturnType<typeof generateKeyPair>>;
  let rsa: Awaited<ReturnType<typeof generateKeyPair>>;
  let publicText: string;
  let now = Date.now;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitals-callers-"));
    [pair, rsa] = await Promise.all([generateKeyPair("ES256"), generateKeyPair("RS256")]);
    const jwks = [
      { ...(await exportJWK(pair.publicKey)), kid: "1", alg: "ES256" },
      { ...(await exportJWK(rsa.publicKey)), kid: "2" },
    ];
    publicText = await exportSPKI(rsa.publicKey);
    await writeFile(join(folder, "jwks.json"), JSON.stringify({ keys: jwks }));
    callers = callersOf({ ...names, jwksFile: join(folder, "jwks.json") }, () => now());
  });
  afterAll(() => rm(folder, { recursive: true }));

  const claims = (own: JWTPayload = {}): JWTPayload => ({
    ...{ iss: names.issuer, aud: names.audience, sub: "somebody", roles: ["clinician"], exp: seconds() + 600 },
    ...own,
  });
  const sign = (
    payload: JWTPayload,
    header: Partial<JWTHeaderParameters> = {},
    key: Parameters<SignJWT["sign"]>[0] = pair.privateKey,
  ) => new SignJWT(payload).setProtectedHeader({ alg: "ES256", kid: "1", ...header }).sign(key);
  /** All come over one connection, unless another is given, as they do from a proxy. */
  const shared = {};
  const ask = (authorization: string | undefined, socket = shared) =>
    callers({ headers: { authorization }, raw: { socket } } as never);
  /** The caller, or the status that he is told. */
  const judged = async (authorization: string | undefined): Promise<Caller | number> => {
    try {
      return await ask(authorization);
    } catch (thrown) {
      if (thrown instanceof HttpProblem) return thrown.status;
      throw thrown;
    }
  };
  const of = async (token: string | Promise<string>) => judged(`Bearer ${await token}`);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

  it("is somebody by a token that is signed, for us, and in its time, give or take 30 s", async () => {
    for (const each of [
      {},
      { exp: seconds() - 20 },
      { nbf: seconds() + 20 },
      { aud: ["other", names.audience] },
      { sub: undefined },
    ])
      expect(await of(sign(claims(each as JWTPayload))), JSON.stringify(each)).toMatchObject({ roles: ["clinician"] });
    expect(await of(sign(claims(), { alg: "RS256", kid: "2" }, rsa.privateKey))).toMatchObject({
      roles: ["clinician"],
    });
    expect(await of(sign(claims({ roles: "clinician nobody billing" })))).toMatchObject({
      roles: ["clinician", "billing"],
    });
    expect(await of(sign(claims({ roles: { clinician: true } })))).toMatchObject({ roles: [] });
  });

  it.each<[string, JWTPayload]>([
    ["has expired", { exp: seconds() - 40 }],
    ["never expires", { exp: undefined } as never],
    ["is not valid yet", { nbf: seconds() + 300 }],
    ["is of another issuer", { iss: "https://evil.example" }],
    ["is of no issuer", { iss: undefined } as never],
    ["is for somebody else", { aud: "other" }],
    ["is for nobody", { aud: undefined } as never],
  ])("is nobody by a token that %s", async (_, own) => expect(await of(sign(claims(own)))).toBe(401));

  it("is nobody by a signature of another kind, of another key, or of none", async () => {
    const stranger = await generateKeyPair("ES256");
    const strange = await exportJWK(stranger.publicKey);
    const good = await sign(claims());
    const [head = "", body = "", signature = ""] = good.split(".");
    const tokens = {
      unsigned: `${part({ alg: "none" })}.${body}.`,
      "unsigned in capitals": `${part({ alg: "None" })}.${body}.`,
      "with the signature left out": `${head}.${body}.`,
      "with another's body": `${head}.${part(claims({ roles: ["manager"] }))}.${signature}`,
      "by a public key as a secret": await sign(
        claims(),
        { alg: "HS256", kid: "2" },
        new TextEncoder().encode(publicText),
      ),
      "by the key set as a secret": await sign(
        claims(),
        { alg: "HS256", kid: "1" },
        await readFile(join(folder, "jwks.json")),
      ),
      "by a stranger's key": await sign(claims(), {}, stranger.privateKey),
      "by a key that it brings along": await sign(claims(), { jwk: strange as never }, stranger.privateKey),
      "by a key at an address of its own": await sign(
        claims(),
        { jku: "http://127.0.0.1:1/jwks" },
        stranger.privateKey,
      ),
      "by a key that nobody knows": await sign(claims(), { kid: "../../etc/passwd" }),
      "for another algorithm than its key's": await sign(claims(), { alg: "RS256", kid: "1" }, rsa.privateKey),
      "with a rule that nobody knows": `${part({ alg: "ES256", kid: "1", crit: ["x"], x: 1 })}.${body}.${signature}`,
      "that is no JSON": `${head}.${Buffer.from("x").toString("base64url")}.${signature}`,
      "in one part": "x",
      "of five parts": `${head}.${body}.${signature}.x.x`,
    };
    for (const [what, token] of Object.entries(tokens)) expect(await of(token), what).toBe(401);
    expect(await of(good)).toMatchObject({ roles: ["clinician"] });
  });

  it("is nobody by a header that is no bearer's", async () => {
    const good = await sign(claims());
    for (const header of [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      `Basic ${good}`,
      `Bearer ${good} ${good}`,
      `Bearer  ${good}`,
      `Bearer ${"x".repeat(9_000)}`,
    ])
      expect(await judged(header), String(header).slice(0, 20)).toBe(401);
    expect(await judged(`bearer ${good}`)).toMatchObject({ roles: ["clinician"] });
  });

  it("is judged again after 30 s, and at once when the token ends earlier", async () => {
    const [long, short] = [await sign(claims()), await sign(claims({ exp: seconds() + 5 }))];
    const known = [await of(long), await of(short)];
    for (const connection of [shared, {}]) expect(await ask(`Bearer ${long}`, connection)).toBe(known[0]);
    const began = Date.now();
    now = () => began + 6_000;
    expect(await of(long)).toBe(known[0]);
    expect(await of(short)).not.toBe(known[1]);
    now = () => began + 31_000;
    const again = await of(long);
    expect(again).not.toBe(known[0]);
    // Once: a connection is often kept for longer than what is remembered.
    for (const connection of [shared, {}]) expect(ask(`Bearer ${long}`, connection)).toBe(again);
    now = Date.now;
  });

  it("is whoever the token of this request names, whoever came over the connection before", async () => {
    const [one, other] = [await sign(claims({ sub: "one" })), await sign(claims({ sub: "other", roles: ["billing"] }))];
    for (let turn = 0; turn < 3; turn++) {
      expect(await of(one)).toMatchObject({ roles: ["clinician"] });
      expect(await of(other)).toMatchObject({ roles: ["billing"] });
      expect(await judged(undefined)).toBe(401);
      expect(await of(`${one.slice(0, -4)}AAAA`)).toBe(401);
    }
  });

  it("is told apart by tenant and roles, whatever else the token says", async () => {
    const scope = async (own: JWTPayload) => ((await of(sign(claims(own)))) as Caller).scope;
    const scopes = await Promise.all(
      [
        {},
        { tenant: "" },
        { tenant: "7" },
        { tenant: 7 },
        { tenant: ["7"] },
        { tenant: { a: 7 } },
        { tenant: '",' },
      ].map(scope),
    );
    expect(new Set(scopes).size).toBe(scopes.length);
    expect(await scope({ tenant: 7, sub: "another", roles: ["clinician", "unknown"] })).toBe(scopes[3]);
    expect(await scope({ tenant: 7, roles: ["clinician", "billing"] })).not.toBe(scopes[3]);
  });
});
