// The gateway as a real process in front of upstreams that break in every way.
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Running, readMetric, startServer } from "../demo/clinic.ts";
import { until } from "../support/ports.ts";

const seen: { readonly url: string; readonly headers: Readonly<Record<string, unknown>> }[] = [];
let gone = 0;
const behaviours: Readonly<Record<string, RequestListener>> = {
  "/patients/hangs": (_request, response) => void response.once("close", () => gone++),
  "/patients/resets": (request) => void request.socket.destroy(),
  "/patients/garbage": (request) => void request.socket.end("this is no HTTP\r\n\r\n"),
  "/patients/lies": (request, response) => {
    response.writeHead(200, { "content-length": "100", "content-type": "application/json" });
    response.write("{}", () => request.socket.destroy());
  },
  "/patients/away": (_request, response) => void response.writeHead(503).end(),
  "/patients": (request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () =>
      response.writeHead(201, { "content-type": "application/json", location: "/patients/7" }).end(body),
    );
  },
};
const upstream = createServer((request, response) => {
  seen.push({ url: request.url ?? "", headers: request.headers });
  const behaviour = behaviours[(request.url ?? "").split("?", 1)[0] ?? ""];
  if (behaviour !== undefined) behaviour(request, response);
  else response.writeHead(200, { "content-type": "application/json", "x-inner": "1" }).end('{"id":5}');
});

let gateway: Running;
beforeAll(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const services = ["--clinical", url, "--medication", url, "--business", "http://127.0.0.1:1"];
  gateway = await startServer("../gateway/main.ts", ...services, "--deadline-ms", "500");
});
afterAll(async () => {
  await gateway.child.end("SIGKILL");
  upstream.closeAllConnections();
  upstream.close();
});
const ask = (path: string, init?: RequestInit) => fetch(gateway.url + path, init);

describe("the gateway", () => {
  it("hands an answer back, and no header that nobody listed, in either direction", async () => {
    const response = await ask("/api/patients/5?fields=id", { headers: { "x-note": "private" } });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ id: 5 });
    expect(response.headers.get("x-inner")).toBeNull();
    expect(seen.at(-1)?.url).toBe("/patients/5?fields=id");
    expect(seen.at(-1)?.headers).not.toHaveProperty("x-note");
  });

  it("hands a body on, and says where the new record is by its own path", async () => {
    const headers = { "content-type": "application/json" };
    const response = await ask("/api/patients", { method: "POST", headers, body: '{"a":1}' });
    expect([response.status, await response.text()]).toEqual([201, '{"a":1}']);
    expect(response.headers.get("location")).toBe("/api/patients/7");
  });

  it("never takes what stands in a parameter as a path", async () => {
    await ask("/api/patients/a%2F..%2Fb%3Fc/appointments");
    expect(seen.at(-1)?.url).toBe("/patients/a%2F..%2Fb%3Fc/appointments");
  });

  it.each([
    ["hangs", "/api/patients/hangs", 504],
    ["resets the connection", "/api/patients/resets", 502],
    ["answers garbage", "/api/patients/garbage", 502],
    ["is away", "/api/locations/1", 502],
  ])("tells a problem when its upstream %s", async (_, path, status) => {
    const response = await ask(path);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ status });
  });

  it("breaks an answer off that is shorter than its upstream said", async () => {
    await expect(ask("/api/patients/lies").then((response) => response.text())).rejects.toThrow();
    expect((await ask("/api/patients/5")).status).toBe(200);
  });

  it("asks an upstream that refuses no second time", async () => {
    const before = seen.length;
    expect((await ask("/api/patients/away")).status).toBe(503);
    expect(seen.length - before).toBe(1);
  });

  it("gives the upstream's request up with its client", async () => {
    const before = gone;
    const abort = new AbortController();
    const asked = seen.length;
    const open = ask("/api/patients/hangs", { signal: abort.signal }).catch(() => "left");
    await until(() => seen.length > asked);
    abort.abort();
    expect(await open).toBe("left");
    await until(() => gone > before);
    expect(
      [...(await readMetric(gateway.url, "http_requests_total")).keys()].some((labels) => labels.includes('"499"')),
    ).toBe(true);
  });

  it("refuses what is too big, of another type or has no route", async () => {
    const post = (type: string, body: string) =>
      ask("/api/patients", { method: "POST", headers: { "content-type": type }, body });
    const asked = seen.length;
    expect((await post("application/json", "x".repeat(70_000))).status).toBe(413);
    expect((await post("text/csv", "a,b")).status).toBe(415);
    expect((await ask("/api/nothing")).status).toBe(404);
    expect(seen.length).toBe(asked);
  });

  it("counts by route, whatever paths it is asked for", async () => {
    await Promise.all(Array.from({ length: 200 }, (_, index) => ask(`/api/${index}/x`)));
    const text = [...(await readMetric(gateway.url, "http_requests_total")).keys()].join("\n");
    expect(text).toContain('route="/api/patients/:id"');
    expect(text).not.toMatch(/route="\/api\/\d/);
  });
});
