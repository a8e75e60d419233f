import { type LookupAddress, promises } from "node:dns";
import { createServer as createHttps } from "node:https";
import { createServer } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { attempt, classify, type Probe, phaseClock } from "../../../exporters/integration-health/probe.ts";
import { selfSigned } from "../../../tools/certificate.ts";
import { http, listen, never, tried } from "./attempts.ts";

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
