// What clients and upstreams say of caches, and what the gateway makes of it: a real gateway on a real Redis.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { directivesOf, secondsOf } from "../../gateway/directives.ts";
import { readMetric, sumOf } from "../demo/clinic.ts";
import { until } from "../support/ports.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { json, startGateway, startUpstream, type TestGateway, type TestUpstream } from "./support.ts";

describe.skipIf(redisMissing() !== undefined)(`the gateway ${redisMissing() ?? ""}`, () => {
  let redis: TestRedis;
  let upstream: TestUpstream;
  let gateway: TestGateway;
  beforeAll(async () => {
    [redis, upstream] = await Promise.all([startRedis(), startUpstream()]);
    const settings = { redis: { address: `127.0.0.1:${redis.port}` } };
    gateway = await startGateway({ "clinical-service": upstream.url }, settings);
    await until(async () => sumOf(await readMetric(gateway.url, "cache_circuit_open")) === 0);
  });
  afterAll(async () => {
    await gateway?.stop();
    upstream?.close();
    await redis?.stop();
  });
  const get = async (path: string, headers: Readonly<Record<string, string>> = {}, method = "GET") => {
    const response = await gateway.ask(path, { headers, method });
    return {
      status: response.status,
      cache: response.headers.get("x-cache"),
      etag: response.headers.get("etag") ?? "",
      headers: response.headers,
      text: await response.text(),
    };
  };
  const asked = (path: string) => upstream.seen.filter(({ url }) => url === path).length;
  let id = 0;
  const fresh = () => `/patients/${++id}`;

  it("says 304 to whoever has the same already, in the same version", async () => {
    const path = fresh();
    const { etag } = await get(`/api/v2${path}`);
    for (const known of [etag, `"x", ${etag}`, `"x" , ${etag.replace("W/", "")}`, "*"]) {
      const again = await get(`/api/v2${path}`, { "if-none-match": known });
      expect([again.status, again.text, again.etag], known).toEqual([304, "", etag]);
      expect(again.headers.get("vary")).toContain("authorization");
    }
    expect((await get(`/api/v2${path}`, { "if-none-match": `"x", W/"y"` })).status).toBe(200);
    expect((await get(`/api/v1${path}`, { "if-none-match": etag })).status).toBe(200);
    // Past the cache it is judged by what the upstream says now.
    expect((await get(`/api/v2${path}`, { "if-none-match": etag, "cache-control": "no-cache" })).status).toBe(304);
    await gateway.ask(`/api/v2${path}`, {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ phone: "1" }),
    });
    upstream.answers.set(path, json({ id, phone: "1" }));
    expect((await get(`/api/v2${path}`, { "if-none-match": etag })).status).toBe(200);
  });

  it("answers HEAD as GET, without the body, and out of the same cache", async () => {
    const path = fresh();
    const head = await get(`/api/v2${path}`, {}, "HEAD");
    const whole = await get(`/api/v2${path}`);
    expect([head.status, head.text, head.cache, whole.cache]).toEqual([200, "", "MISS", "HIT"]);
    for (const name of ["etag", "content-type", "vary", "cache-control"])
      expect(head.headers.get(name), name).toBe(whole.headers.get(name));
    expect((await get(`/api/v2${path}`, { "if-none-match": head.etag }, "HEAD")).status).toBe(304);
    expect((await get("/api/v2/patients/x", {}, "HEAD")).status).toBe(400);
  });

  it("does what the client says, in whichever case", async () => {
    const path = fresh();
    expect((await get(`/api${path}`, { "cache-control": "Only-If-Cached" })).status).toBe(504);
    expect(asked(path)).toBe(0);
    await get(`/api${path}`);
    for (const control of ["no-cache", "No-Cache", "max-age=0", "Max-Age=0", "no-store", "x, no-cache"])
      expect((await get(`/api${path}`, { "cache-control": control })).cache, control).toBe("BYPASS");
    expect(asked(path)).toBe(7);
    for (const control of ["only-if-cached", "max-age=60", "max-stale", 'ext="no-cache"', "no-cacheable"])
      expect((await get(`/api${path}`, { "cache-control": control })).cache, control).toBe("HIT");
    expect(asked(path)).toBe(7);
  });

  it("gives nothing that is older than the client wants", async () => {
    const path = fresh();
    await get(`/api${path}`);
    await sleep(1_100);
    expect((await get(`/api${path}`, { "cache-control": "max-age=60" })).cache).toBe("HIT");
    expect((await get(`/api${path}`, { "cache-control": "max-age=1" })).cache).toBe("BYPASS");
    expect((await get(`/api${path}`, { "cache-control": "max-age=1, only-if-cached" })).status).toBe(504);
    expect(asked(path)).toBe(2);
  });

  it.each([
    "no-store",
    "No-Store",
    "private",
    'private="x-a"',
    "max-age=10",
    "MAX-AGE=10",
    "max-age=86400, s-maxage=10",
    "max-age=-1",
    "public, no-cache",
  ])("keeps nothing of which its upstream says %s", async (control) => {
    const path = fresh();
    upstream.answers.set(path, json({ id }, 200, { "cache-control": control }));
    const [first, second] = [await get(`/api${path}`), await get(`/api${path}`)];
    expect([first.cache, second.cache]).toEqual(["MISS", "MISS"]);
    // What nobody may keep, the client may not keep either.
    const told = control.toLowerCase() === "no-store" ? "no-store" : "private, no-cache";
    for (const { headers } of [first, second]) expect(headers.get("cache-control")).toBe(told);
  });

  it.each(["public", "max-age=86400", "max-age=10, s-maxage=86400", "stale-while-revalidate=1"])(
    "keeps that of which its upstream says %s",
    async (control) => {
      const path = fresh();
      upstream.answers.set(path, json({ id }, 200, { "cache-control": control }));
      expect([(await get(`/api${path}`)).cache, (await get(`/api${path}`)).cache]).toEqual(["MISS", "HIT"]);
    },
  );

  it("knows nobody by what is kept: a token that has expired meanwhile opens nothing", async () => {
    const path = fresh();
    // Past its end a token is good for 30 s, the tolerance of clocks.
    const token = await gateway.issuer.token(["manager"], { expires: "-28s" });
    const authorization = `Bearer ${token}`;
    expect((await get(`/api${path}`, { authorization })).status).toBe(200);
    expect((await get(`/api${path}`)).cache).toBe("HIT");
    await until(async () => (await get(`/api${path}`, { authorization })).status === 401, 10_000);
    expect((await get(`/api${path}`)).cache).toBe("HIT");
  });
});

it("directives are read in either case, with their arguments quoted or not; the first of two counts", () => {
  const said = directivesOf('Max-Age="5", private="a, no-store", NO-CACHE , max-age=9,,s-maxage = 3');
  expect([...said]).toEqual([
    ["max-age", "5"],
    ["private", "a, no-store"],
    ["no-cache", ""],
    ["s-maxage", "3"],
  ]);
  expect([...directivesOf(undefined), ...directivesOf("")]).toEqual([]);
  expect(["5", "0", "-1", "x", "", "1e9", "99999999999999999"].map(secondsOf)).toEqual([5, 0, 0, 0, 0, 0, 1e17]);
});
