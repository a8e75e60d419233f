import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { selfSigned } from "../../../tools/certificate.ts";
import { freePort } from "../../support/ports.ts";
import { http, listen, probe, sum, tried } from "./attempts.ts";

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
