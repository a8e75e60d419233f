// A gateway as a real process, its issuer's keys, and an upstream whose every answer a test decides.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { nodeOptions } from "../../components/platforms/node.ts";
import { gatewayArtifact } from "../../components/services/gateway.ts";
import { type Running, startServer } from "../demo/clinic.ts";

const issuer = "https://login.clinic.example";
const audience = "clinic-api";

export interface TokenOptions {
  readonly subject?: string;
  readonly tenant?: unknown;
  readonly audience?: string;
  readonly expires?: string;
}

export interface TestIssuer {
  readonly access: object;
  token(roles: readonly string[], options?: TokenOptions): Promise<string>;
}

/** Its key set is a file in `folder`. */
export async function createIssuer(folder: string): Promise<TestIssuer> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const jwksFile = join(folder, "jwks.json");
  await writeFile(jwksFile, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "1", alg: "ES256" }] }));
  return {
    access: { issuer, audience, jwksFile },
    token: (roles, { subject = "someone", tenant, audience: to = audience, expires = "10m" } = {}) =>
      new SignJWT({ roles, ...(tenant === undefined ? {} : { tenant }) })
        .setProtectedHeader({ alg: "ES256", kid: "1" })
        .setIssuer(issuer)
        .setAudience(to)
        .setSubject(subject)
        .setExpirationTime(expires)
        .sign(privateKey),
  };
}

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface TestUpstream {
  readonly url: string;
  /** Every request, in order. */
  readonly seen: Seen[];
  /** What a path, without its query, is answered; default: a record with the path's last part as its id. */
  readonly answers: Map<string, RequestListener>;
  close(): void;
}

export async function startUpstream(): Promise<TestUpstream> {
  const seen: Seen[] = [];
  const answers = new Map<string, RequestListener>();
  const server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => {
      seen.push({ method, url, headers, body });
      const path = url.split("?", 1)[0] ?? "";
      const answer = answers.get(`${method} ${path}`) ?? answers.get(path);
      if (answer !== undefined) answer(request, response);
      else json({ id: Number(path.split("/").at(-1)) })(request, response);
    });
  });
  // As services of ours do: none closes a connection on its way to being used.
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    answers,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export const json =
  (body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));

export const page = (items: readonly object[], total = items.length): RequestListener =>
  json({ items, page: 1, limit: 20, total });

export interface TestGateway extends Running {
  readonly issuer: TestIssuer;
  /** Requests by a manager, unless they bring an authorization of their own. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  stop(): Promise<void>;
}

export async function startGateway(
  upstreams: Readonly<Record<string, string>>,
  settings: object = {},
  ...args: readonly string[]
): Promise<TestGateway> {
  const folder = await mkdtemp(join(tmpdir(), "vitals-gateway-"));
  const issuer = await createIssuer(folder);
  const [config, secretFile] = [join(folder, "gateway.json"), join(folder, "secret")];
  await writeFile(secretFile, "a secret that only this test knows\n", { mode: 0o600 });
  await writeFile(config, JSON.stringify({ upstreams, access: issuer.access, secretFile, ...settings }));
  const entry = [`../${gatewayArtifact.node}`, ...nodeOptions(gatewayArtifact)] as const;
  const running = await startServer(entry, "--config", config, ...args);
  const manager = await issuer.token(["manager"]);
  return {
    ...running,
    issuer,
    ask: (path, init = {}) =>
      fetch(running.url + path, { ...init, headers: { authorization: `Bearer ${manager}`, ...init.headers } }),
    stop: async () => {
      await running.child.end("SIGKILL");
      await rm(folder, { recursive: true });
    },
  };
}
