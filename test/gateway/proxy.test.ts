// The gateway as a real process in front of upstreams that break in every way.
import { once } from "node:events";
import { type IncomingMessage, request as open } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readMetric } from "../demo/clinic.ts";
import { until } from "../support/ports.ts";
import { json, page, startGateway, startUpstream, type TestGateway, type TestUpstream } from "./support.ts";

let upstream: TestUpstream;
let gateway: TestGateway;
let gone = 0;
beforeAll(async () => {
  upstream = await startUpstream();
  const { answers, url } = upstream;
  answers.set("/patients/1", (_request, response) => void response.once("close", () => gone++));
  answers.set("/patients/2", (request) => void request.socket.destroy());
  answers.set("/patients/3", (request) => void request.socket.end("this is no HTTP\r\n\r\n"));
  answers.set("/patients/4", (request, response) => {
    response.writeHead(200, { "content-length": "100", "content-type": "application/json" });
    response.write("{}", () => request.socket.destroy());
  });
  answers.set("/patients/6", (_request, response) => void response.writeHead(503, { "retry-after": "7" }).end());
  answers.set("/patients/8", (_request, response) => void response.writeHead(200).end("<html>"));
  answers.set("/patients/9", (_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const part = " ".repeat(1_048_576);
    for (let mebibyte = 0; mebibyte < 9; mebibyte++) response.write(part);
    response.end("{}");
  });
  answers.set(
    "/patients/10",
    json({ type: "about:blank", title: "Not Found", status: 404, detail: "No such." }, 404, {
      "content-type": "application/problem+json",
    }),
  );
  answers.set("/patients/11", (request) => void request.socket.end("HTTP/1.1 799 Odd\r\ncontent-length: 0\r\n\r\n"));
  const problem = { "content-type": "application/problem+json" };
  answers.set("/patients/12", json({ detail: "Who is the proxy?" }, 407, problem));
  answers.set("/patients/13", (_request, response) => void response.writeHead(422, problem).end("<html>"));
  answers.set("/patients/14", json({ status: 200, detail: "No such bed.", inner: "x" }, 422, problem));
  answers.set("/patients/15", json({}, 503, { "retry-after": "a while" }));
  answers.set("/patients/16", (_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(`${'{"a":'.repeat(30_000)}1${"}".repeat(30_000)}`);
  });
  for (const [id, total, at, limit] of [
    [17, 5, 1, 0],
    [18, -1, 1, 20],
    [19, 5, 0, 20],
  ])
    answers.set(`/patients/${id}/appointments`, json({ items: [], total, page: at, limit }));
  answers.set("POST /patients", json({ id: 7, birthDate: "2000-01-31" }, 201, { location: "/patients/7" }));
  answers.set("/patients", page([{ id: 5, birthDate: "2000-01-31" }], 41));
  const upstreams = { "clinical-service": url, "medication-service": url, "business-service": "http://127.0.0.1:1" };
  gateway = await startGateway(upstreams, { deadlineMs: 2_000 });
});
afterAll(async () => {
  await gateway?.stop();
  upstream?.close();
});
const ask = (path: string, init?: RequestInit) => gateway.ask(path, init);
const person = { givenName: "A", familyName: "B", sex: "other", homeLocationId: 1 };
const post = (path: string, body: unknown, type = "application/json") =>
  ask(path, {
    method: "POST",
    headers: { "content-type": type },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

describe("the gateway", () => {
  it("hands an answer back, and no header that nobody listed, in either direction", async () => {
    upstream.answers.set("/patients/5", json({ id: 5 }, 200, { "x-inner": "1" }));
    const response = await ask("/api/v2/patients/5", { headers: { "x-note": "private" } });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ success: true, data: { id: 5 } });
    expect(response.headers.get("x-inner")).toBeNull();
    expect(upstream.seen.at(-1)?.url).toBe("/patients/5");
    expect(upstream.seen.at(-1)?.headers).not.toHaveProperty("x-note");
    expect(upstream.seen.at(-1)?.headers).not.toHaveProperty("authorization");
  });

  it("hands a body on, and says where the new record is by its own path", async () => {
    const response = await post("/api/v2/patients", { ...person, birthDate: "2000-01-31" });
    expect([response.status, await response.json()]).toMatchObject([201, { data: { id: 7 } }]);
    expect(JSON.parse(upstream.seen.at(-1)?.body ?? "")).toEqual({ ...person, birthDate: "2000-01-31" });
    expect(response.headers.get("location")).toBe("/api/v2/patients/7");
  });

  it("never takes what stands in a parameter as a path", async () => {
    const asked = upstream.seen.length;
    expect((await ask("/api/patients/a%2F..%2Fb%3Fc/appointments")).status).toBe(400);
    expect((await ask("/api/patients/5%2F..%2F6")).status).toBe(400);
    expect(upstream.seen.length).toBe(asked);
  });

  it.each([
    ["hangs", "/api/patients/1", 504],
    ["resets the connection", "/api/patients/2", 502],
    ["answers garbage", "/api/patients/3", 502],
    ["says less than it promised", "/api/patients/4", 502],
    ["answers with another kind of content", "/api/patients/8", 502],
    ["answers with more than anybody can want", "/api/patients/9", 502],
    ["is away", "/api/locations/1", 502],
    ["answers a status that is none", "/api/patients/11", 502],
    ["refuses in no words", "/api/patients/6", 503],
    ["refuses in words of its own", "/api/patients/10", 404],
    ["takes the gateway for a client of a proxy", "/api/patients/12", 502],
    ["refuses in words that are none", "/api/patients/13", 422],
    ["answers with depths that no record has", "/api/patients/16", 502],
    ["has pages of nothing", "/api/patients/17/appointments", 502],
    ["has less than nothing", "/api/patients/18/appointments", 502],
    ["counts pages from 0", "/api/patients/19/appointments", 502],
  ])("tells a problem when its upstream %s", async (_, path, status) => {
    const response = await ask(path);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ status });
  });

  it("hands on of a refusal what it says in words, and a time that is one", async () => {
    const refused = await ask("/api/patients/14");
    const told = { type: "about:blank", title: "Unprocessable Content", status: 422, detail: "No such bed." };
    expect([refused.status, await refused.json()]).toEqual([422, told]);
    expect((await ask("/api/patients/15")).headers.get("retry-after")).toBe("2");
  });

  it("asks nobody where only what is kept is wanted, and nothing is", async () => {
    const asked = upstream.seen.length;
    expect((await ask("/api/patients/5", { headers: { "cache-control": "only-if-cached" } })).status).toBe(504);
    expect(upstream.seen.length).toBe(asked);
  });

  it("asks an upstream that refuses no second time, and says when to come again", async () => {
    const before = upstream.seen.length;
    const response = await ask("/api/patients/6");
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "7"]);
    expect(upstream.seen.length - before).toBe(1);
  });

  it("gives the upstream's request up with its client", async () => {
    const before = gone;
    const abort = new AbortController();
    const asked = upstream.seen.length;
    const open = ask("/api/patients/1", { signal: abort.signal }).catch(() => "left");
    await until(() => upstream.seen.length > asked);
    abort.abort();
    expect(await open).toBe("left");
    await until(() => gone > before);
    expect(
      [...(await readMetric(gateway.url, "http_requests_total")).keys()].some((labels) => labels.includes('"499"')),
    ).toBe(true);
  });

  it("refuses what is too big, of another type, of another shape or has no route", async () => {
    const asked = upstream.seen.length;
    expect((await post("/api/patients", `"${"x".repeat(70_000)}"`)).status).toBe(413);
    expect((await post("/api/patients", "a,b", "text/csv")).status).toBe(415);
    expect((await post("/api/patients", { ...person, shoeSize: 43 })).status).toBe(400);
    expect((await post("/api/patients", '{"__proto__":{"a":1}}')).status).toBe(400);
    const long = await ask(`/api/patients/${"7".repeat(150)}`);
    expect([long.status, await long.json()]).toEqual([
      414,
      { type: "about:blank", title: "URI Too Long", status: 414, detail: "A part of the path is too long." },
    ]);
    expect((await ask("/api/nothing")).status).toBe(404);
    expect((await ask("/api")).status).toBe(404);
    expect(upstream.seen.length).toBe(asked);
  });

  it("answers whoever expects what nobody knows, and counts him", async () => {
    const request = open(`${gateway.url}/healthz/x`, { headers: { expect: "miracles" } }).end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    response.resume();
    expect([response.statusCode, response.headers["content-type"]]).toEqual([404, "application/problem+json"]);
    const counted = await readMetric(gateway.url, "http_requests_total");
    expect(counted.get('{method="GET",route="unmatched",status_code="404"}')).toBeGreaterThan(0);
  });

  it("names the methods of a path that does not take the one it is asked with", async () => {
    const asked = upstream.seen.length;
    for (const [path, allow] of [
      ["/api/patients/5", "GET, HEAD, PATCH, PUT"],
      ["/api/v2/patients?limit=3", "GET, HEAD, POST"],
    ] as const) {
      const response = await ask(path, { method: "DELETE" });
      expect([response.status, response.headers.get("allow")]).toEqual([405, allow]);
      expect(await response.json()).toMatchObject({ title: "Method Not Allowed", status: 405 });
    }
    expect((await ask("/api/nothing", { method: "DELETE" })).status).toBe(404);
    expect(upstream.seen.length).toBe(asked);
  });

  it("counts by route, whatever paths it is asked for", async () => {
    await Promise.all(Array.from({ length: 200 }, (_, index) => ask(`/api/${index}/x`)));
    const text = [...(await readMetric(gateway.url, "http_requests_total")).keys()].join("\n");
    expect(text).toContain('route="/api/v1/patients/:id"');
    expect(text).not.toMatch(/route="\/api\/\d/);
  });
});

describe("its callers", () => {
  const status = async (token: string | undefined, path = "/api/patients/5", method = "GET") => {
    const headers = { authorization: token === undefined ? "" : `Bearer ${token}` };
    return (await ask(path, { method, headers })).status;
  };

  it("are nobody without a token of the issuer for this audience, which has not expired", async () => {
    const { token } = gateway.issuer;
    expect(await status(undefined)).toBe(401);
    expect(await status("nonsense")).toBe(401);
    const good = await token(["clinician"]);
    expect(await status(`${good.slice(0, -6)}AAAAAA`)).toBe(401);
    expect(await status(await token(["clinician"], { audience: "other" }))).toBe(401);
    expect(await status(await token(["clinician"], { expires: "-1m" }))).toBe(401);
    expect(await status(good)).toBe(200);
    const response = await fetch(`${gateway.url}/api/patients/5`);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="gateway"');
    expect(await response.json()).toMatchObject({ title: "Unauthorized", status: 401 });
  });

  it("may do what their roles may, and are refused before their bodies are read", async () => {
    const { token } = gateway.issuer;
    const billing = await token(["billing"]);
    expect(await status(billing)).toBe(200);
    expect(await status(billing, "/api/lab-orders/5")).toBe(403);
    expect(await status(billing, "/api/patients", "POST")).toBe(403);
    expect(await status(await token(["janitor"]))).toBe(403);
    expect(await status(await token([]))).toBe(403);
  });
});

describe("its versions", () => {
  const at = async (path: string, headers: Readonly<Record<string, string>> = {}) => {
    const response = await ask(path, { headers });
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
  const one = { success: true, data: [{ id: 5, dateOfBirth: "2000-01-31" }], count: 1 };
  const two = {
    success: true,
    data: [{ id: 5, birthDate: "2000-01-31" }],
    pagination: { total: 41, page: 1, limit: 20, pages: 3 },
    meta: { version: "2" },
  };

  it("are chosen by the URL before the header, and by the header before the default", async () => {
    expect((await at("/api/patients")).body).toEqual(one);
    expect((await at("/api/patients", { "x-api-version": "2" })).body).toMatchObject(two);
    expect((await at("/api/v1/patients", { "x-api-version": "2" })).body).toEqual(one);
    expect((await at("/api/v2/patients", { "x-api-version": "9" })).body).toMatchObject(two);
  });

  it("are refused when nobody knows them", async () => {
    const refused = { status: 400, body: { status: 400, detail: expect.stringContaining("these are: 1, 2.") } };
    for (const version of ["v3", "v0", "v01", "v2.1", "V2", "v2x", "v12345678901", `v${"1".repeat(5_000)}`])
      for (const rest of ["/patients", "", "?page=1"])
        expect(await at(`/api/${version}${rest}`)).toMatchObject(refused);
    expect(await at("/api/v3/patients", { "x-api-version": "2" })).toMatchObject({ status: 400 });
    expect(await at("/api/patients", { "x-api-version": "9" })).toMatchObject({ status: 400 });
    expect(await at("/api/patients", { "x-api-version": "" })).toMatchObject({ status: 400 });
    for (const path of ["/api/visits", "/api/v", "/api/v/2/patients", "/api/v2/v3/patients"])
      expect(await at(path)).toMatchObject({ status: 404 });
  });

  it("tell of their end, the newest one of none", async () => {
    const { headers } = await at("/api/patients");
    expect(headers.get("deprecation")).toMatch(/^@\d+$/);
    expect(new Date(headers.get("sunset") ?? "").getTime()).toBeGreaterThan(Date.parse("2027-01-01"));
    expect(headers.get("link")).toBe('</api/v2/patients>; rel="successor-version"');
    expect((await at("/api/v2/patients")).headers.get("deprecation")).toBeNull();
    for (const [path, next] of [
      ["/api/patients/5?unknown=1", "/api/v2/patients/5"],
      ["/api/v1/patients/a%3Eb%2Fc/appointments", "/api/v2/patients/a%3Eb%2Fc/appointments"],
    ] as const)
      expect((await at(path)).headers.get("link")).toBe(`<${next}>; rel="successor-version"`);
  });

  it("take bodies under their own names", async () => {
    const old = { ...person, dateOfBirth: "2000-01-31" };
    const answer = await post("/api/v1/patients", old);
    expect([answer.status, await answer.json()]).toEqual([
      201,
      { success: true, data: { id: 7, dateOfBirth: "2000-01-31" }, count: 1 },
    ]);
    expect(JSON.parse(upstream.seen.at(-1)?.body ?? "")).toHaveProperty("birthDate");
    expect((await post("/api/v2/patients", old)).status).toBe(400);
  });

  it.each(["page=0", "page=x", "limit=0", "limit=101", "page=1&page=2", "offset=3", "total=false", "unknown=1"])(
    "refuse ?%s",
    async (query) => expect((await at(`/api/patients?${query}`)).status).toBe(400),
  );
});
