import { type LookupAddress, promises } from "node:dns";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttp, type RequestListener } from "node:http";
import { createServer as createHttps } from "node:https";
import { connect as connectTo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext, TLSSocket } from "node:tls";
import { afterEach, describe, expect, it, vi } from "vitest";
import { presets } from "../../components/config/presets.ts";
import { reachable } from "../../exporters/integration-health/address.ts";
import { askAnchor } from "../../exporters/integration-health/anchors.ts";
import { healthConfig, type IntegrationTarget } from "../../exporters/integration-health/config.ts";
import { credentialOf } from "../../exporters/integration-health/credential.ts";
import {
  type Attempt,
  attempt,
  classify,
  type HttpProxy,
  type Probe,
  phaseClock,
} from "../../exporters/integration-health/probe.ts";
import { probes } from "../../exporters/integration-health/probes/index.ts";
import { selfSigned } from "../../tools/certificate.ts";
import { startNameServer } from "../support/name-server.ts";
import { freePort } from "../support/ports.ts";
import { postgresMissing, startPostgres } from "../support/postgres.ts";
import { redisMissing, startRedis } from "../support/redis.ts";

const missing = postgresMissing() ?? redisMissing();
const never = new AbortController().signal;
const servers = new Set<{ server: Server; sockets: Set<Socket> }>();

afterEach(async () => {
  for (const { server, sockets } of servers) {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
  servers.clear();
});

function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  servers.add({ server, sockets });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
}

/** One attempt with a target as the configuration file would have it. */
const tried = (entry: Readonly<Record<string, unknown>>, timeoutMs = 2_000, proxy?: HttpProxy): Promise<Attempt> => {
  const raw = { name: "x", allow: ["loopback"], ...entry };
  const target = healthConfig.parse({ integrations: [raw] }).integrations[0] as IntegrationTarget;
  return attempt({
    probe: probes[target.probe] as Probe<IntegrationTarget>,
    target,
    timeoutMs,
    stop: never,
    way: { ca: target.ca, proxy },
    credential: credentialOf(target.credentialFile),
    expectFailure: target.expectFailure,
  });
};
const probe = (url: string, timeoutMs?: number, part: Readonly<Record<string, unknown>> = {}): Promise<Attempt> =>
  tried({ probe: "http", url, ...part }, timeoutMs);
const http = async (answer: RequestListener): Promise<string> =>
  `http://127.0.0.1:${await listen(createHttp(answer))}/`;
const sum = ({ phases }: Attempt): number => Object.values(phases).reduce((total, part) => total + part, 0);

describe("the http probe", () => {
  it("succeeds on an expected status, and knows every phase but TLS", async () => {
    const result = await probe(await http((_, response) => response.end("fine")));
    expect(result.cause).toBeUndefined();
    expect(Object.keys(result.phases)).toEqual(["resolve", "connect", "request", "first_byte", "transfer"]);
  });

  it("notes the steps in their order, those of a redirect again, and their sum is that of the phases", async () => {
    const end = await http((_, response) => response.end("fine"));
    const first = await http((_, response) => response.writeHead(302, { location: end }).end());
    const result = await probe(first, 2_000, { redirects: 1 });
    const once = ["resolve", "connect", "request", "first_byte", "transfer"];
    const steps = result.course?.steps ?? [];
    expect(steps.map(({ phase }) => phase)).toEqual([...once, ...once]);
    expect(steps.reduce((total, { seconds }) => total + seconds, 0)).toBeCloseTo(sum(result), 6);
  });

  it.each([
    [429, "rate_limited"],
    [401, "auth"],
    [403, "auth"],
    [500, "http_5xx"],
    [503, "http_5xx"],
    [404, "assertion"],
    [302, "assertion"],
  ] as const)("calls status %i %s", async (status, cause) => {
    const url = await http((_, response) => response.writeHead(status, { location: "http://127.0.0.1:1/" }).end());
    expect((await probe(url)).cause).toBe(cause);
    expect((await probe(url, 2_000, { expectStatus: [status] })).cause).toBeUndefined();
  });

  it("calls a refused connection connect, and one that is reset in the middle connect too", async () => {
    expect((await probe(`http://127.0.0.1:${await freePort()}/`)).cause).toBe("connect");
    const before = await listen(createServer((socket) => socket.once("data", () => socket.resetAndDestroy())));
    expect((await probe(`http://127.0.0.1:${before}/`)).cause).toBe("connect");
    const during = await http((_, response) => {
      response.writeHead(200, { "content-length": 1_000 }).write("part");
      setTimeout(() => response.destroy(), 20);
    });
    expect((await probe(during)).cause).toBe("connect");
  });

  it("calls a name that cannot be resolved dns", async () => {
    // RFC 6761: names below .invalid never exist.
    const result = await probe("http://no-such-host.invalid/", 8_000);
    expect(result.cause).toBe("dns");
    expect(Object.keys(result.phases)).toEqual(["resolve"]);
  });

  it.each([
    ["the connection is accepted and nothing follows", () => createServer(() => undefined), "first_byte"],
    ["the body never ends", () => createHttp((_, response) => void response.writeHead(200).write("x")), "transfer"],
  ] as const)("times out when %s, and puts the time where it was spent", async (_what, server, phase) => {
    const result = await probe(`http://127.0.0.1:${await listen(server())}/`, 300);
    expect(result.cause).toBe("timeout");
    expect(result.phases[phase]).toBeGreaterThan(0.2);
    expect(sum(result)).toBeLessThan(3 * 0.3);
  });

  it("times out in a TLS handshake that hangs", async () => {
    const result = await probe(`https://127.0.0.1:${await listen(createServer(() => undefined))}/`, 300);
    expect(result.cause).toBe("timeout");
    expect(result.phases.tls).toBeGreaterThan(0.2);
  });

  it("calls an answer that is not HTTP assertion, and one that is not TLS tls", async () => {
    const port = await listen(createServer((socket) => socket.once("data", () => socket.end("SSH-2.0-x\r\n\r\n"))));
    expect((await probe(`http://127.0.0.1:${port}/`)).cause).toBe("assertion");
    expect((await probe(`https://127.0.0.1:${port}/`)).cause).toBe("tls");
  });

  it("stops reading a body at the limit and judges by the status", async () => {
    let sent = 0;
    const url = await http((_, response) => {
      const chunk = Buffer.alloc(64 * 1024);
      const more = (): void => {
        sent += chunk.length;
        if (!response.destroyed) response.write(chunk, more);
      };
      response.writeHead(200);
      more();
    });
    expect((await probe(url, 5_000)).cause).toBeUndefined();
    expect(sent).toBeLessThan(20 * 2 ** 20);
  });

  it("gives phases that add up to the time of the whole", async () => {
    const url = await http((_, response) => {
      setTimeout(() => {
        response.writeHead(200).write("a");
        setTimeout(() => response.end("b"), 60);
      }, 60);
    });
    const began = performance.now();
    const result = await probe(url);
    const whole = (performance.now() - began) / 1_000;
    expect(result.phases.first_byte).toBeGreaterThan(0.05);
    expect(result.phases.transfer).toBeGreaterThan(0.05);
    expect(sum(result)).toBeLessThanOrEqual(whole);
    expect(whole - sum(result)).toBeLessThan(0.02);
  });

  it.each([
    ["valid but not trusted", 30],
    ["expired", -3],
  ])("knows when a certificate expires that is %s, although it refuses it", async (_what, days) => {
    const until = new Date(Math.floor(Date.now() / 1_000) * 1_000 + days * 86_400_000);
    const certificate = selfSigned("localhost", new Date(Date.now() - 30 * 86_400_000), until);
    const port = await listen(createHttps(certificate, (_, response) => response.end("fine")));
    const result = await probe(`https://localhost:${port}/`);
    expect(result.cause).toBe("tls");
    expect(result.certificate).toEqual({ expiry: until.getTime() / 1_000, valid: false });
    const bare = await tried({ probe: "tls", address: `localhost:${port}` });
    expect([bare.cause, bare.certificate]).toEqual([result.cause, result.certificate]);
  });
});

describe("an authority of its own", () => {
  const made = () => selfSigned("localhost", new Date(Date.now() - 86_400_000), new Date(Date.now() + 86_400_000));

  it("is trusted for the integration that names it, and for no other", async () => {
    const [own, another] = [made(), made()];
    const port = await listen(createHttps(own, (_, response) => response.end("fine")));
    const kinds = [
      { probe: "http", url: `https://localhost:${port}/` },
      { probe: "tls", address: `localhost:${port}` },
    ];
    for (const kind of kinds) {
      expect((await tried({ ...kind, ca: own.cert })).cause).toBeUndefined();
      expect((await tried({ ...kind, ca: another.cert })).cause).toBe("tls");
      expect((await tried(kind)).cause).toBe("tls");
    }
  });

  it("is trusted for the name that a certificate is for, and for no other", async () => {
    const own = made();
    const port = await listen(createHttps(own, (_, response) => response.end("fine")));
    const by = async (entry: object) => (await tried({ ...entry, ca: own.cert })).cause;
    expect(await by({ probe: "http", url: `https://127.0.0.1:${port}/` })).toBe("tls");
    expect(await by({ probe: "tls", address: `127.0.0.1:${port}` })).toBe("tls");
    expect(await by({ probe: "tls", address: `127.0.0.1:${port}`, serverName: "localhost" })).toBeUndefined();
    expect(await by({ probe: "tls", address: `localhost:${port}`, serverName: "other.example" })).toBe("tls");
  });
});

describe("through a proxy", () => {
  const asked: string[] = [];
  const wanted = `Basic ${Buffer.from("vitals:pw").toString("base64")}`;
  /** Opens a tunnel to a port of this machine, whatever the name; or answers as it is told. */
  const proxyThat = async (status = 200): Promise<HttpProxy> => {
    asked.length = 0;
    const server = createHttp((_, response) => response.writeHead(400).end());
    server.on("connect", ({ url = "", headers }, socket: Socket) => {
      asked.push(url);
      const code = headers["proxy-authorization"] === wanted ? status : 407;
      if (code !== 200) return void socket.end(`HTTP/1.1 ${code} No\r\n\r\n`);
      const upstream = connectTo(Number(url.split(":").at(-1)), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        socket.pipe(upstream).pipe(socket);
      });
      for (const end of [socket, upstream])
        end.on("error", () => [socket, upstream].forEach((each) => void each.destroy()));
    });
    return { address: `127.0.0.1:${await listen(server)}`, credential: async () => "vitals:pw" };
  };
  const outside = { allow: [] };

  it("is asked what lies on the internet, by a name that only the proxy knows", async () => {
    const proxy = await proxyThat();
    const port = await listen(createHttp((_, response) => response.end("fine")));
    const own = selfSigned("localhost", new Date(Date.now() - 86_400_000), new Date(Date.now() + 86_400_000));
    const secure = await listen(createHttps(own, (_, response) => response.end("fine")));
    const plain = await tried({ ...outside, probe: "http", url: `http://vendor.invalid:${port}/` }, 2_000, proxy);
    expect(plain.cause).toBeUndefined();
    expect(Object.keys(plain.phases)).toEqual(["resolve", "connect", "request", "first_byte", "transfer"]);
    const { cause, certificate } = await tried(
      { ...outside, probe: "http", url: `https://localhost:${secure}/`, ca: own.cert },
      2_000,
      proxy,
    );
    expect([cause, certificate?.valid]).toEqual([undefined, true]);
    expect(
      (await tried({ ...outside, probe: "tcp", address: `vendor.invalid:${port}` }, 2_000, proxy)).cause,
    ).toBeUndefined();
    expect(asked).toEqual([`vendor.invalid:${port}`, `localhost:${secure}`, `vendor.invalid:${port}`]);
  });

  it("is not asked what lies on a network of ours, nor an address that is not for the internet", async () => {
    const proxy = await proxyThat();
    const url = await http((_, response) => response.end("fine"));
    expect((await tried({ probe: "http", url }, 2_000, proxy)).cause).toBeUndefined();
    expect((await tried({ ...outside, probe: "http", url: "http://169.254.169.254/" }, 2_000, proxy)).cause).toBe(
      "refused",
    );
    expect(asked).toEqual([]);
  });

  it.each([
    [403, "refused"],
    [502, "connect"],
    [504, "timeout"],
  ])("has status %i of the proxy as %s", async (status, cause) => {
    const proxy = await proxyThat(status);
    const target = { ...outside, probe: "tcp", address: "vendor.invalid:443" };
    expect((await tried(target, 2_000, proxy)).cause).toBe(cause);
    const stranger = { ...proxy, credential: async () => undefined };
    expect((await tried(target, 2_000, stranger)).cause).toBe("refused");
    const away = { ...proxy, address: `127.0.0.1:${await freePort()}` };
    expect((await tried(target, 2_000, away)).cause).toBe("connect");
  });

  it("asks no anchor past it, and is offline when it is away", async () => {
    const proxy = await proxyThat();
    const anchor = `vendor.invalid:${await listen(createServer())}`;
    expect(await askAnchor(anchor, proxy)).toEqual({ resolved: undefined, connected: true });
    const away = { ...proxy, address: `127.0.0.1:${await freePort()}` };
    expect(await askAnchor(anchor, away)).toMatchObject({ connected: false });
  });

  it("is honoured only where it is configured: the environment says nothing", async () => {
    const { address } = await proxyThat();
    const before = { ...process.env };
    for (const name of ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"])
      process.env[name] = `http://${address}`;
    process.env.NODE_USE_ENV_PROXY = "1";
    try {
      expect((await probe(await http((_, response) => response.end("fine")))).cause).toBeUndefined();
    } finally {
      process.env = before;
    }
    expect(asked).toEqual([]);
  });
});

describe("conditions", () => {
  const answer: RequestListener = (_, response) =>
    void response
      .writeHead(200, { "content-type": "application/json", "x-region": "eu-1" })
      .end('{ "status": "ok", "checks": [{ "name": "db", "ms": 3 }] }');

  it.each([
    [{ body: [{ path: "$.status", equals: "ok" }] }, undefined],
    [{ body: [{ path: "$.checks[0].ms", equals: 3 }] }, undefined],
    [{ body: [{ path: "$.checks[1].ms", equals: 3 }] }, "assertion"],
    [{ body: [{ path: "$.constructor", matches: "." }] }, "assertion"],
    [{ body: [{ matches: '"name": "db"' }, { not: "error" }] }, undefined],
    [{ body: [{ not: "ok" }] }, "assertion"],
    [{ headers: { "X-Region": "^eu-" } }, undefined],
    [{ headers: { "x-region": "^us-" } }, "assertion"],
    [{ headers: { "x-absent": "." } }, "assertion"],
    [{ latency: "5s" }, undefined],
    [{ latency: "1ms" }, "assertion"],
  ])("%j give %s", async (expect_, cause) => {
    const slowly: RequestListener = (request, response) => void setTimeout(() => answer(request, response), 20);
    expect((await probe(await http(slowly), 2_000, { expect: expect_ })).cause).toBe(cause);
  });

  it("hold nothing up, whatever a pattern and a body make of each other", async () => {
    const url = await http((_, response) => response.end("a".repeat(2 ** 20)));
    const began = performance.now();
    for (const condition of [{ matches: ".*ok" }, { matches: "(a+)+$b" }, { not: "(a+)+$b" }])
      expect((await probe(url, 5_000, { expect: { body: [condition] } })).cause).toBe("assertion");
    expect(performance.now() - began).toBeLessThan(3 * 1_000);
    expect((await probe(url, 5_000, { expect: { body: [{ matches: "^a+$" }, { not: "b" }] } })).cause).toBeUndefined();
  });

  it("succeed for what must fail, when it fails for the reason that is wanted", async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const open = `127.0.0.1:${await listen(createServer())}`;
    const negative = async (entry: object, ...expectFailure: readonly string[]) => {
      const { cause, wanted } = await tried({ probe: "tcp", ...entry, expectFailure });
      return cause ?? `wanted: ${wanted}`;
    };
    expect(await negative({ address }, "connect")).toBe("wanted: connect");
    // Another failure keeps its name: it may be our own network's, or nobody may ask at all.
    expect(await negative({ address }, "timeout")).toBe("connect");
    expect(await negative({ address, allow: [] }, "timeout")).toBe("refused");
    // What answers is reached, whatever it answers.
    expect(await negative({ address: open }, "connect")).toBe("assertion");
    for (const status of [200, 401, 429, 500]) {
      const url = await http((_, response) => response.writeHead(status).end());
      expect(await negative({ probe: "http", url }, "connect")).toBe("assertion");
    }
  });
});

describe("security", () => {
  it.each([
    ["127.0.0.1", false],
    ["10.1.2.3", false],
    ["172.31.255.255", false],
    ["192.168.0.1", false],
    ["100.64.0.1", false],
    ["169.254.169.254", false],
    ["0.0.0.0", false],
    ["224.0.0.1", false],
    ["255.255.255.255", false],
    ["::1", false],
    ["::", false],
    ["fe80::1%eth0", false],
    ["fd00:ec2::254", false],
    ["::ffff:127.0.0.1", false],
    ["::ffff:a9fe:a9fe", false],
    ["::127.0.0.1", false],
    ["64:ff9b::7f00:1", false],
    ["2002:7f00:1::", false],
    ["ff02::1", false],
    ["168.63.129.16", false],
    ["100.100.100.200", false],
    ["192.0.0.192", false],
    ["2001:0:4136:e378:8000:63bf:3fff:fdd2", false],
    ["3fff::1", false],
    ["5f00::1", false],
    ["not an address", false],
    ["93.184.216.34", true],
    ["172.32.0.1", true],
    ["2606:2800:220:1:248:1893:25c8:1946", true],
    ["64:ff9b::5db8:d822", true],
  ])("may a probe go to %s by itself: %s", (address, may) => {
    expect(reachable([])(address)).toBe(may);
  });

  it("allows what an integration names, and nothing beside it", () => {
    expect(reachable(["loopback"])("127.0.0.2")).toBe(true);
    expect(reachable(["loopback"])("10.0.0.1")).toBe(false);
    expect(reachable(["private"])("10.0.0.1")).toBe(true);
    expect(reachable(["private", "loopback"])("169.254.169.254")).toBe(false);
    expect(reachable(["10.1.2.0/24"])("10.1.2.9")).toBe(true);
    expect(reachable(["10.1.2.0/24"])("10.1.3.9")).toBe(false);
  });

  it("opens no connection to an address that is not allowed, by number or by name, at first or after a redirect", async () => {
    let asked = 0;
    const url = await http((_, response) => {
      asked++;
      response.end("secret");
    });
    for (const target of [url, url.replace("127.0.0.1", "localhost"), url.replace("127.0.0.1", "[::ffff:127.0.0.1]")])
      expect((await probe(target, 2_000, { allow: [] })).cause).toBe("refused");
    const elsewhere = await http((_, response) => response.writeHead(302, { location: url }).end());
    const allow = ["127.0.0.2/32"];
    const there = elsewhere.replace("127.0.0.1", "127.0.0.2");
    expect((await probe(there, 2_000, { allow, redirects: 1 })).cause).toBe("connect");
    expect((await probe("http://169.254.169.254/latest/meta-data/", 2_000)).cause).toBe("refused");
    expect(asked).toBe(0);
  });

  it("refuses a redirect into a network that is not allowed", async () => {
    const url = await http((_, response) => response.writeHead(302, { location: "http://10.0.0.1/" }).end());
    expect((await probe(url, 2_000, { redirects: 3 })).cause).toBe("refused");
    const file = await http((_, response) => response.writeHead(302, { location: "file:///etc/passwd" }).end());
    expect((await probe(file, 2_000, { redirects: 3 })).cause).toBe("assertion");
  });

  it("sends credentials to their origin alone, and follows no more redirects than it may", async () => {
    const folder = await mkdtemp(join(tmpdir(), "vitals-credential-"));
    const credentialFile = join(folder, "key");
    await writeFile(credentialFile, "CANARY\n");
    const seen: (readonly [string, string | undefined])[] = [];
    const note: RequestListener = ({ headers: { host = "", authorization } }, response) => {
      seen.push([host, authorization]);
      response.end("fine");
    };
    const other = await http(note);
    const first = await http((request, response) => {
      if (request.url === "/") return void response.writeHead(307, { location: "/again" }).end();
      seen.push(["first", request.headers.authorization]);
      response.writeHead(302, { location: other.replace("//", "//user:password@") }).end();
    });
    expect((await probe(first, 2_000, { redirects: 2, credentialFile })).cause).toBeUndefined();
    expect(seen).toEqual([
      ["first", "Bearer CANARY"],
      [new URL(other).host, undefined],
    ]);
    const loop = await http((_, response) => response.writeHead(302, { location: "/" }).end());
    expect((await probe(loop, 2_000, { redirects: 3 })).cause).toBe("assertion");
    await rm(folder, { recursive: true });
  });

  it("sends a credential as a parameter of the query where the other side wants it so, and never on to another origin", async () => {
    const folder = await mkdtemp(join(tmpdir(), "vitals-credential-"));
    const credentialFile = join(folder, "key");
    await writeFile(credentialFile, "CAN&RY\n");
    const seen: (string | undefined)[] = [];
    const other = await http(({ url }, response) => {
      seen.push(url);
      response.end("fine");
    });
    const first = await http(({ url }, response) => {
      seen.push(url);
      response.writeHead(302, { location: other }).end();
    });
    const login = { as: "query", parameter: "key" };
    expect((await probe(`${first}v1?a=1`, 2_000, { redirects: 1, credentialFile, login })).cause).toBeUndefined();
    expect(seen).toEqual(["/v1?a=1&key=CAN%26RY", "/"]);
    await rm(folder, { recursive: true });
  });

  it("calls a secret file that cannot be read auth, and asks nobody", async () => {
    let asked = 0;
    const url = await http((_, response) => {
      asked++;
      response.end();
    });
    expect((await probe(url, 2_000, { credentialFile: "/nonexistent/key" })).cause).toBe("auth");
    expect(asked).toBe(0);
  });
});

describe("presets", () => {
  const parse = (entry: object) => healthConfig.safeParse({ integrations: [entry] });

  it("fill in what an entry leaves out, and give way to what it says", () => {
    const { data } = parse({ name: "payments", preset: "stripe", interval: "2m" });
    expect(data?.integrations[0]).toMatchObject({
      probe: "http",
      url: "https://api.stripe.com/v1/balance",
      interval: "2m",
      expectStatus: [200, 401],
      feed: { kind: "statuspage", interval: "60s" },
    });
    const feed = { kind: "rss", url: "https://status.example/feed" };
    expect(parse({ name: "payments", preset: "stripe", feed }).data?.integrations[0]).toMatchObject({ feed });
    const table = { name: "db", preset: "supabase-table", url: "https://p.supabase.co", params: { table: "clinics" } };
    expect(parse(table).data?.integrations[0]).toMatchObject({
      url: "https://p.supabase.co/rest/v1/clinics?select=id&limit=1",
    });
    expect(parse({ ...table, url: "https://p.supabase.co/own?x=1" }).data?.integrations[0]).toMatchObject({
      url: "https://p.supabase.co/own?x=1",
    });
  });

  it("are all valid with no more than what they ask for", () => {
    const needed: Readonly<Record<string, object>> = {
      supabase: { url: "https://p.supabase.co" },
      "supabase-table": { url: "https://p.supabase.co", params: { table: "clinics" } },
      twilio: { params: { account: "AC1" } },
      modmed: { url: "https://v.example/firm/fhir/v2/metadata" },
      http: { url: "https://v.example" },
      dns: { host: "v.example" },
      ...Object.fromEntries(["tcp", "tls", "postgres", "redis"].map((kind) => [kind, { address: "v.example:1" }])),
    };
    for (const preset of Object.keys(presets))
      expect(parse({ name: "x", preset, ...needed[preset] }).error?.issues, preset).toBeUndefined();
  });

  it("take 401 for an answer only where no key is sent, and send it as the vendor wants it", () => {
    const seen = (entry: object) => parse({ name: "x", credentialFile: "/key", ...entry }).data?.integrations[0];
    expect(seen({ preset: "stripe" })).toMatchObject({ expectStatus: [200], login: { as: "bearer" } });
    expect(seen({ preset: "twilio", params: { account: "AC1" } })).toMatchObject({
      expectStatus: [200],
      login: { as: "basic", user: "AC1" },
    });
    expect(parse({ name: "x", preset: "twilio", params: { account: "AC1" } }).data?.integrations[0]).toMatchObject({
      expectStatus: [200, 401],
    });
  });

  it("only read, ask seldom, and name no patient", () => {
    for (const [name, { values, path = "" }] of Object.entries(presets) as [string, (typeof presets)["supabase"]][]) {
      expect([name, Object.keys(values).filter((key) => key === "method")]).toEqual([name, []]);
      if (path !== undefined) expect(`${name} ${path}`).not.toMatch(/patient|appointment|message|sms|call|charge/i);
    }
    const vendors = ["supabase", "supabase-table", "twilio", "stripe", "google", "modmed"] as const;
    for (const name of vendors) expect([name, presets[name].values.interval]).toEqual([name, "60s"]);
    expect(presets["supabase-table"].path).toMatch(/select=id&limit=1$/);
  });

  it("are told when there is none of that name, or a param is missing", () => {
    expect(parse({ name: "x", preset: "strype" }).error?.issues[0]).toMatchObject({
      path: ["integrations", 0, "preset"],
      message: expect.stringContaining("stripe"),
    });
    expect(parse({ name: "x", preset: "twilio" }).error?.issues[0]).toMatchObject({
      path: ["integrations", 0, "params", "account"],
    });
  });
});

describe("the dns probe", () => {
  it("asks a resolver for a record, and judges its answers", async () => {
    const known = await startNameServer({ "clinic.example": [10, 9, 8, 7] });
    const server = `127.0.0.1:${known.port}`;
    const dns = (part: object) => tried({ probe: "dns", host: "clinic.example", server, ...part });
    const result = await dns({ matches: "^10\\.9\\.8\\.7$" });
    expect(result.cause).toBeUndefined();
    expect(Object.keys(result.phases)).toEqual(["resolve"]);
    expect((await dns({ matches: "^1\\.1" })).cause).toBe("assertion");
    expect((await dns({ host: "nobody.example" })).cause).toBe("dns");
    expect((await dns({ allow: [] })).cause).toBe("refused");
    await known.close();
  });
});

describe("the postgres and redis probes", () => {
  const says = async (reply: (asked: Buffer) => Buffer | string): Promise<string> => {
    const port = await listen(createServer((socket) => socket.on("data", (asked) => socket.write(reply(asked)))));
    return `127.0.0.1:${port}`;
  };
  const error = (code: string): Buffer => {
    const fields = Buffer.from(`SFATAL\0C${code}\0Mno\0\0`);
    const head = Buffer.from([0x45, 0, 0, 0, fields.length + 4]);
    return Buffer.concat([head, fields]);
  };

  it.each([
    ["asks for a login", Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 10]), undefined],
    ["does not know the user", error("28000"), undefined],
    ["starts up", error("57P03"), "assertion"],
    ["speaks something else", "SSH-2.0-x\r\n", "assertion"],
  ])("postgres that %s", async (_what, reply, cause) => {
    expect((await tried({ probe: "postgres", address: await says(() => reply) })).cause).toBe(cause);
  });

  it.skipIf(missing !== undefined)(
    `find real servers${missing === undefined ? "" : ` (${missing})`}`,
    async () => {
      const [redis, postgres] = await Promise.all([startRedis({ password: "right" }), startPostgres()]);
      const folder = await mkdtemp(join(tmpdir(), "vitals-credential-"));
      const credentialFile = join(folder, "password");
      const ping = (part: object = {}) => tried({ probe: "redis", address: `127.0.0.1:${redis.port}`, ...part });
      try {
        expect((await ping()).cause).toBe("auth");
        await writeFile(credentialFile, "right");
        const result = await ping({ credentialFile });
        expect(result.cause).toBeUndefined();
        expect(Object.keys(result.phases)).toEqual(["resolve", "connect", "request", "first_byte", "transfer"]);
        await writeFile(credentialFile, "wrong");
        expect((await ping({ credentialFile })).cause).toBe("auth");
        const server = { probe: "postgres", address: `127.0.0.1:${postgres.port}` };
        expect((await tried(server)).cause).toBeUndefined();
        // It has no certificate, and says so.
        expect((await tried({ ...server, tls: true })).cause).toBe("tls");
        expect(postgres.output()).not.toContain("FATAL");
      } finally {
        await Promise.all([redis.stop(), postgres.stop(), rm(folder, { recursive: true })]);
      }
    },
    30_000,
  );

  it("are asked over TLS where that is wanted, and their certificates are judged", async () => {
    const own = selfSigned("localhost", new Date(Date.now() - 86_400_000), new Date(Date.now() + 86_400_000));
    const secureContext = createSecureContext(own);
    const answers = (socket: Socket, reply: Buffer | string): void => {
      const secured = new TLSSocket(socket, { isServer: true, secureContext });
      secured.on("error", () => undefined).once("data", () => secured.write(reply));
    };
    const redis = await listen(createServer((socket) => answers(socket, "+PONG\r\n")));
    const postgres = await listen(
      createServer((socket) =>
        socket.once("data", () => {
          answers(socket, Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 10]));
          socket.write("S");
        }),
      ),
    );
    for (const [kind, port] of Object.entries({ redis, postgres })) {
      const entry = { probe: kind, address: `localhost:${port}`, tls: true };
      const { cause, certificate } = await tried({ ...entry, ca: own.cert });
      expect([kind, cause, certificate?.valid]).toEqual([kind, undefined, true]);
      expect([kind, (await tried(entry)).cause]).toEqual([kind, "tls"]);
    }
  });

  it.each([
    ["+PONG", undefined],
    ["-NOAUTH Authentication required.", "auth"],
    ["-LOADING Redis is loading the dataset in memory", "assertion"],
    ["HTTP/1.1 400 Bad Request", "assertion"],
  ])("redis that answers %s", async (reply, cause) => {
    expect((await tried({ probe: "redis", address: await says(() => `${reply}\r\n`) })).cause).toBe(cause);
  });
});

describe("the tcp probe", () => {
  const tcp = (address: string, timeoutMs?: number): Promise<Attempt> => tried({ probe: "tcp", address }, timeoutMs);

  it("succeeds when a connection opens, by address or by name", async () => {
    const port = await listen(createServer());
    for (const host of ["127.0.0.1", "localhost"]) {
      const result = await tcp(`${host}:${port}`);
      expect(result.cause).toBeUndefined();
      expect(Object.keys(result.phases)).toEqual(["resolve", "connect"]);
    }
  });

  it("calls a closed port connect and an unknown name dns", async () => {
    expect((await tcp(`127.0.0.1:${await freePort()}`)).cause).toBe("connect");
    expect((await tcp("no-such-host.invalid:443", 8_000)).cause).toBe("dns");
  });
});

describe("what an attempt costs", () => {
  it("is counted for every kind, each hop of a redirect, and what failed on the way", async () => {
    const large = 200_000;
    const end = await http((_, response) => response.end("a".repeat(large)));
    const first = await http((_, response) => response.writeHead(302, { location: end }).end("b".repeat(large)));
    const own = selfSigned("localhost", new Date(Date.now() - 86_400_000), new Date(Date.now() + 86_400_000));
    const secure = await listen(createHttps(own, (_, response) => response.end("a".repeat(large))));
    const speaks = await listen(createServer((socket) => socket.on("data", () => socket.write("+PONG\r\n"))));
    const url = `https://localhost:${secure}/`;
    const cost = async (entry: object, timeoutMs?: number) => (await tried({ ...entry }, timeoutMs)).bytes ?? 0;
    expect(await cost({ probe: "http", url: first, redirects: 1 })).toBeGreaterThan(2 * large);
    expect(await cost({ probe: "http", url, ca: own.cert })).toBeGreaterThan(large);
    // A certificate that is refused, and an answer that never ends.
    expect(await cost({ probe: "http", url })).toBeGreaterThan(500);
    expect(await cost({ probe: "tls", address: `localhost:${secure}`, ca: own.cert })).toBeGreaterThan(500);
    const endless = await http((_, response) => void response.writeHead(200).write("a".repeat(large)));
    expect(await cost({ probe: "http", url: endless }, 300)).toBeGreaterThan(large);
    const ping = "*1\r\n$4\r\nPING\r\n".length + "+PONG\r\n".length;
    expect(await cost({ probe: "redis", address: `127.0.0.1:${speaks}` })).toBe(ping);
    expect(await cost({ probe: "tcp", address: `127.0.0.1:${speaks}` })).toBe(0);
  });
});

describe("a name that is never answered", () => {
  afterEach(() => void vi.restoreAllMocks());

  it("is looked up once however many wait for it, and is not in the way of others", async () => {
    const asked: string[] = [];
    const answers = new Map<string, (addresses: readonly LookupAddress[]) => void>();
    vi.spyOn(promises, "lookup").mockImplementation(((host: string) => {
      asked.push(host);
      return new Promise((resolve) => void answers.set(host, resolve));
    }) as never);
    const tcp = (address: string) => tried({ probe: "tcp", address }, 100);
    for (let turn = 0; turn < 3; turn++) expect((await tcp("slow.example:1")).cause).toBe("timeout");
    const other = tcp(`fine.example:${await listen(createServer())}`);
    answers.get("fine.example")?.([{ address: "127.0.0.1", family: 4 }]);
    expect((await other).cause).toBeUndefined();
    expect(asked).toEqual(["slow.example", "fine.example"]);
    answers.get("slow.example")?.([]);
    await new Promise(setImmediate);
    expect((await tcp("slow.example:1")).cause).toBe("timeout");
    expect(asked.length).toBe(3);
  });
});

describe("an attempt", () => {
  const alone = (what: Probe<unknown>) => attempt({ probe: what, target: {}, timeoutMs: 50, stop: never });

  it("ends at its deadline even when the probe ignores it, and never throws", async () => {
    const result = await alone(() => new Promise(() => undefined));
    expect(result.cause).toBe("timeout");
    expect((await alone(() => Promise.reject(new Error("CANARY")))).cause).toBe("other");
  });

  it("splits time into phases without a gap, whatever the clock says", () => {
    let now = 100;
    const clock = phaseClock(() => now);
    now = 107;
    clock.begin("connect");
    now = 130;
    clock.begin("request");
    now = 131;
    expect(clock.end().phases).toEqual({ resolve: 0.007, connect: 0.023, request: 0.001 });
  });

  it("knows a class by its code, never by its text", () => {
    expect(classify(Object.assign(new Error("x"), { code: "EAI_AGAIN" }))).toBe("dns");
    expect(classify(Object.assign(new Error("x"), { code: "ERR_SSL_WRONG_VERSION_NUMBER" }))).toBe("tls");
    expect(classify(new Error("getaddrinfo ENOTFOUND"))).toBe("other");
    expect(classify(undefined)).toBe("other");
  });
});
