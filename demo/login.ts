// The demo's issuer of tokens: `node demo/login.ts --issuer NAME --audience NAME --key-file F --host H --port N`. Whoever asks, gets one.
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { exportJWK, SignJWT } from "jose";
import { readOptions, readPassword } from "../components/arguments.ts";
import { createServer, runMain, serve } from "./http.ts";

const algorithm = "EdDSA";
const keyId = "demo";
const lifeSeconds = 600;

const body = {
  type: "object",
  additionalProperties: false,
  required: ["roles"],
  properties: {
    roles: { type: "array", maxItems: 10, items: { type: "string", pattern: "^[a-z-]{1,20}$" } },
    subject: { type: "string", pattern: "^[a-z-]{1,40}$" },
  },
};

interface Wanted {
  readonly roles: readonly string[];
  readonly subject?: string;
}

runMain("demo/login.ts", async () => {
  const options = readOptions("demo/login.ts", process.argv.slice(2), {
    issuer: { kind: "text" },
    audience: { kind: "text" },
    "key-file": { kind: "file" },
    host: { kind: "text" },
    port: { kind: "port" },
  });
  const key = keyOf(readPassword(options["key-file"]));
  const keys = [{ ...(await exportJWK(createPublicKey(key))), kid: keyId, alg: algorithm, use: "sig" }];
  const server = await createServer({ name: "demo-login" });
  server.app.get("/jwks.json", async () => ({ keys }));
  server.app.post("/token", { schema: { body } }, async (request) => {
    const { roles, subject = "somebody" } = request.body as Wanted;
    const token = await new SignJWT({ roles })
      .setProtectedHeader({ alg: algorithm, kid: keyId })
      .setIssuer(options.issuer)
      .setAudience(options.audience)
      .setSubject(subject)
      .setIssuedAt()
      .setExpirationTime(`${lifeSeconds} s`)
      .sign(key);
    return { access_token: token, token_type: "Bearer", expires_in: lifeSeconds };
  });
  await serve(server, options.host, Number(options.port));
});

/** The same secret gives the same key: a restart makes no token invalid. */
function keyOf(secret: string): KeyObject {
  const seed = createHash("sha256").update(secret).digest();
  // PKCS #8 of an Ed25519 key is this head and the seed (RFC 8410).
  const head = Buffer.from("302e020100300506032b657004220420", "hex");
  return createPrivateKey({ key: Buffer.concat([head, seed]), format: "der", type: "pkcs8" });
}
