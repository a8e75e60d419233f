import { createServer as createHttp, type RequestListener } from "node:http";
import { createServer as createHttps } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { HttpTarget } from "../../exporters/integration-health/config.ts";
import { httpProbe } from "../../exporters/integration-health/http.ts";
import { type Attempt, attempt, classify, phaseClock } from "../../exporters/integration-health/probe.ts";
import { tcpProbe } from "../../exporters/integration-health/tcp.ts";
import { selfSigned } from "../support/certificate.ts";
import { freePort } from "../support/ports.ts";

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

const probe = (url: string, timeoutMs = 2_000, part: Partial<HttpTarget> = {}): Promise<Attempt> => {
  const target: HttpTarget = {
    name: "x",
    probe: "http",
    url,
    expectStatus: [200],
    timeout: "5s",
    interval: "30s",
    ...part,
  };
  return attempt(httpProbe, target, timeoutMs, never);
};
const http = async (answer: RequestListener): Promise<string> =>
  `http://127.0.0.1:${await listen(createHttp(answer))}/`;
const sum = ({ phases }: Attempt): number => Object.values(phases).reduce((total, part) => total + part, 0);

describe("the http probe", () => {
  it("succeeds on an expected status, and knows every phase but TLS", async () => {
    const result = await probe(await http((_, response) => response.end("fine")));
    expect(result.cause).toBeUndefined();
    expect(Object.keys(result.phases)).toEqual(["resolve", "connect", "request", "first_byte", "transfer"]);
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
    expect(result.certificateExpiry).toBe(until.getTime() / 1_000);
  });
});

describe("the tcp probe", () => {
  const tcp = (address: string, timeoutMs = 2_000): Promise<Attempt> =>
    attempt(tcpProbe, { name: "x", probe: "tcp", address, timeout: "5s", interval: "30s" }, timeoutMs, never);

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

describe("an attempt", () => {
  it("ends at its deadline even when the probe ignores it, and never throws", async () => {
    const result = await attempt(() => new Promise(() => undefined), {}, 50, never);
    expect(result.cause).toBe("timeout");
    expect((await attempt(() => Promise.reject(new Error("CANARY")), {}, 50, never)).cause).toBe("other");
  });

  it("splits time into phases without a gap, whatever the clock says", () => {
    let now = 100;
    const clock = phaseClock(() => now);
    now = 107;
    clock.begin("connect");
    now = 130;
    clock.begin("request");
    now = 131;
    expect(clock.end()).toEqual({ resolve: 0.007, connect: 0.023, request: 0.001 });
  });

  it("knows a class by its code, never by its text", () => {
    expect(classify(Object.assign(new Error("x"), { code: "EAI_AGAIN" }))).toBe("dns");
    expect(classify(Object.assign(new Error("x"), { code: "ERR_SSL_WRONG_VERSION_NUMBER" }))).toBe("tls");
    expect(classify(new Error("getaddrinfo ENOTFOUND"))).toBe("other");
    expect(classify(undefined)).toBe("other");
  });
});
