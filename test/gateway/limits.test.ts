// Limits per caller in a real Redis, compression by what the client prefers, and pages of other origins.

import { type IncomingHttpHeaders, request } from "node:http";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { FastifyReply } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodingFor, sendText, textOf } from "../../gateway/compression.ts";
import { gatewayConfig } from "../../gateway/config.ts";
import { readMetric } from "../demo/clinic.ts";
import { until } from "../support/ports.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { json, page, startGateway, startUpstream, type TestGateway, type TestUpstream } from "./support.ts";

const app = "https://app.example.com";

describe.skipIf(redisMissing() !== undefined)(`the gateway ${redisMissing() ?? ""}`, () => {
  let redis: TestRedis;
  let upstream: TestUpstream;
  let gateway: TestGateway;
  let other: TestGateway;
  const items = Array.from({ length: 100 }, (_, id) => ({ id, familyName: `Name ${id}` }));
  beforeAll(async () => {
    redis = await startRedis();
    upstream = await startUpstream();
    upstream.answers.set("/patients", page(items));
    const settings = {
      redis: { address: `127.0.0.1:${redis.port}` },
      limit: { perMinute: 60, burst: 5 },
      cors: [app],
    };
    const start = () => startGateway({ "clinical-service": upstream.url }, settings);
    [gateway, other] = await Promise.all([start(), start()]);
    for (const { issuer, url } of [gateway, other]) {
      const authorization = `Bearer ${await issuer.token(["manager"], { subject: "warm" })}`;
      await until(async () =>
        (await fetch(`${url}/api/patients/1`, { headers: { authorization } })).headers.has("ratelimit"),
      );
    }
  });
  afterAll(async () => {
    await Promise.all([gateway?.stop(), other?.stop()]);
    upstream?.close();
    await redis?.stop();
  });
  let callers = 0;
  /** As somebody who has asked nothing yet. */
  const newcomer =
    async (subject = `caller ${++callers}`) =>
    async (path: string, headers: Readonly<Record<string, string>> = {}, of = gateway) => {
      const authorization = `Bearer ${await of.issuer.token(["manager"], { subject })}`;
      return fetch(of.url + path, { headers: { authorization, ...headers } });
    };

  it("lets a caller ask so often at once, in all processes together, and others as often again", async () => {
    const ask = await newcomer();
    const statuses = [];
    for (let turn = 0; turn < 6; turn++)
      statuses.push((await ask("/api/patients/1", {}, turn % 2 === 0 ? gateway : other)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
    const refused = await ask("/api/patients/1");
    expect(Number(refused.headers.get("retry-after"))).toBe(1);
    expect(refused.headers.get("ratelimit-policy")).toBe('"caller";q=5;w=5');
    expect(await refused.json()).toMatchObject({ status: 429, title: "Too Many Requests" });
    expect((await (await newcomer())("/api/patients/1")).headers.get("ratelimit")).toBe('"caller";r=4');
    expect((await readMetric(gateway.url, "gateway_refusals_total")).get('{reason="limited"}')).toBeGreaterThan(0);
  });

  it("lets the caller ask again after a while", async () => {
    const ask = await newcomer();
    for (let turn = 0; turn < 5; turn++) await ask("/api/patients/1");
    await until(async () => (await ask("/api/patients/1")).status === 200, 5_000);
  });

  it.each([
    ["zstd", zstdDecompressSync],
    ["br", brotliDecompressSync],
    ["gzip", gunzipSync],
  ] as const)("answers in %s, the same from the cache", async (encoding, decompress) => {
    const authorization = `Bearer ${await gateway.issuer.token(["manager"], { subject: encoding })}`;
    const headers = { authorization, "accept-encoding": encoding, "content-type": "application/json" };
    const ask = (path: string, method = "GET", content?: object) =>
      new Promise<{ readonly headers: IncomingHttpHeaders; readonly body: Buffer }>((resolve) =>
        request(gateway.url + path, { method, headers }, (response) => {
          const parts: Buffer[] = [];
          response.on("data", (part) => parts.push(part));
          response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(parts) }));
        }).end(content && JSON.stringify(content)),
      );
    const expectSmall = ({ headers, body }: Awaited<ReturnType<typeof ask>>) => {
      expect(headers).toMatchObject({
        "content-encoding": encoding,
        "content-length": `${body.length}`,
        vary: expect.stringMatching(/accept-encoding.*origin/),
      });
      return decompress(body).toString();
    };
    for (const answer of [await ask("/api/patients"), await ask("/api/patients")])
      expect(JSON.parse(expectSmall(answer)).data).toEqual(items);
    const changed = { id: 5, notes: "x".repeat(20_000) };
    upstream.answers.set("PATCH /patients/5", json(changed));
    expect(JSON.parse(expectSmall(await ask("/api/v2/patients/5", "PATCH", { phone: null }))).data).toEqual(changed);
    for (const path of ["/openapi.json", "/docs", "/docs/swagger-ui.js", "/docs/swagger-ui.css"]) {
      const plain = await fetch(gateway.url + path, { headers: { "accept-encoding": "identity" } });
      const text = await plain.text();
      expect(plain.headers.get("content-encoding")).toBeNull();
      expect(plain.headers.get("content-length")).toBe(`${Buffer.byteLength(text)}`);
      for (const answer of [await ask(path), await ask(path)])
        if (text.length >= 1_024) expect(expectSmall(answer)).toBe(text);
      expect((await ask(path, "HEAD")).headers).toMatchObject({ vary: "accept-encoding, origin" });
    }
  });

  it("sends what is small as it is", async () => {
    const response = await (await newcomer())("/api/patients/1", { "accept-encoding": "gzip" });
    expect(response.headers.get("content-encoding")).toBeNull();
  });

  it("lets pages of the configured origins read, and no others", async () => {
    const ask = await newcomer();
    expect((await ask("/api/patients/1", { origin: app })).headers.get("access-control-allow-origin")).toBe(app);
    const stranger = await ask("/api/patients/1", { origin: "https://evil.example.com" });
    expect(stranger.headers.get("access-control-allow-origin")).toBeNull();
    expect(stranger.headers.get("vary")).toContain("origin");
    const preflight = (origin: string) =>
      fetch(`${gateway.url}/api/patients/1`, {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "PATCH" },
      });
    expect((await preflight(app)).status).toBe(204);
    expect((await preflight(app)).headers.get("access-control-allow-methods")).toContain("PATCH");
    expect((await preflight("https://evil.example.com")).status).toBe(404);
  });

  it("does not wait over and over for a Redis that hangs", async () => {
    const ask = await newcomer();
    process.kill(redis.pid, "SIGSTOP");
    try {
      for (let turn = 0; turn < 10; turn++) expect((await ask("/api/patients/1")).status).toBe(200);
    } finally {
      process.kill(redis.pid, "SIGCONT");
    }
    // What was asked meanwhile is answered now: all ten would have emptied the bucket of five.
    let left = "";
    await until(async () => {
      left = (await ask("/api/patients/1")).headers.get("ratelimit") ?? "";
      return left !== "";
    }, 5_000);
    expect(Number(/r=(\d+)$/.exec(left)?.[1])).toBeGreaterThanOrEqual(3);
  });

  it("holds nobody back without Redis", async () => {
    await redis.stop("SIGKILL");
    const ask = await newcomer();
    for (let turn = 0; turn < 8; turn++) expect((await ask("/api/patients/1")).status).toBe(200);
    redis = await startRedis({ port: redis.port });
  });
});

it("is no limit without a Redis to count in, and refused", () => {
  const access = { issuer: "x", audience: "x", jwksFile: "x" };
  const read = (settings: object) => gatewayConfig.safeParse({ upstreams: {}, access, secretFile: "x", ...settings });
  const limit = { perMinute: 60, burst: 5 };
  const message = "needs redis, where requests are counted: name one, or leave the limit out";
  expect(read({ limit }).error?.issues).toMatchObject([{ path: ["limit"], message }]);
  for (const settings of [{}, { limit, redis: { address: "127.0.0.1:6379" } }])
    expect(read(settings).success).toBe(true);
});

it.each([
  ["gzip, br", "br"],
  ["gzip, deflate, br, zstd", "zstd"],
  ["br;q=0.5, gzip;q=0.8", "gzip"],
  ["*", "zstd"],
  ["*;q=0.1, br", "br"],
  ["zstd;q=0, *", "br"],
  ["identity", undefined],
  ["identity, gzip;q=0.5", undefined],
  ["gzip;q=0", undefined],
  ["deflate", undefined],
  ["gzip;q=nonsense", undefined],
  ["*;q=0", undefined],
  ["GZIP;Q=1", "gzip"],
  [undefined, undefined],
])("for %s the encoding is %s, again and again", (accepted, expected) => {
  for (let turn = 0; turn < 2; turn++) expect(encodingFor(accepted, "x".repeat(2_000))).toBe(expected);
});

it.each([
  ["gzip", undefined],
  ["gzip, identity;q=0", "gzip"],
  ["br, *;q=0", "br"],
  ["*;q=0", undefined],
])("what is small goes as it is, unless the client refuses that: for %s it is %s", (accepted, expected) => {
  expect(encodingFor(accepted, "small")).toBe(expected);
});

it("knows what a client wants however many have asked before", () => {
  for (let other = 0; other < 500; other++) expect(encodingFor(`x-${other}, br`, "x".repeat(2_000))).toBe("br");
  expect(encodingFor("x-499, gzip", "x".repeat(2_000))).toBe("gzip");
});

it("compresses a text that is kept once for each encoding, however many ask at a time", async () => {
  const kept = textOf("x".repeat(2_000));
  const send = async (accepted: string) => {
    const sent: unknown[] = [];
    const reply = {
      request: { headers: { "accept-encoding": accepted } },
      header: () => reply,
      send: (body: unknown) => sent.push(body),
    };
    await sendText(reply as unknown as FastifyReply, kept);
    return sent[0] as Buffer;
  };
  for (const [encoding, decompress] of [
    ["br", brotliDecompressSync],
    ["gzip", gunzipSync],
  ] as const) {
    const [one, other] = await Promise.all([send(encoding), send(encoding)]);
    expect(decompress(one).toString()).toBe(kept.text);
    for (const each of [other, await send(encoding)]) expect(each).toBe(one);
  }
  expect(await send("identity")).toBe(kept.text);
});
