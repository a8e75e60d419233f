import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { tracesPath } from "../../dashboards/link.ts";
import { fill } from "../../dashboards/viewer/browser/fields.ts";
import { startViewer } from "../../dashboards/viewer/server.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const closed = (server: Server) => () => {
  server.closeAllConnections();
  server.close();
};

async function upstream(listener: RequestListener): Promise<URL> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(closed(server));
  return new URL(`http://127.0.0.1:${portOf(server)}`);
}

async function viewer(prometheus: URL, limits: { timeoutMs?: number; maxResponseBytes?: number; traces?: URL } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "vitals-viewer-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "a.json"), JSON.stringify({ uid: "a", title: "A", panels: [] }));
  const server = await startViewer({
    host: "127.0.0.1",
    port: 0,
    dashboards: folder,
    prometheus,
    scrapeSeconds: 15,
    ...limits,
  });
  cleanups.push(closed(server));
  return { folder, url: `http://127.0.0.1:${portOf(server)}` };
}

const nowhere = new URL("http://127.0.0.1:1");
const answer: RequestListener = (_, response) => {
  response.end(JSON.stringify({ status: "success", data: { resultType: "vector", result: [] } }));
};

describe("the way to Prometheus", () => {
  it("passes a query on as a POST, with a deadline and without parameters that nobody asked for", async () => {
    const seen: string[] = [];
    const { url } = await viewer(
      await upstream((incoming, response) => {
        let body = "";
        incoming.on("data", (part) => {
          body += part;
        });
        incoming.on("end", () => {
          seen.push(`${incoming.method} ${incoming.url} ${body}`);
          answer(incoming, response as never);
        });
      }),
    );
    const response = await fetch(`${url}/api/v1/query?query=up&stats=all`);
    expect(await response.json()).toMatchObject({ status: "success" });
    expect(seen).toEqual(["POST /api/v1/query query=up&timeout=20000ms"]);
  });

  it.each([
    "/api/v1/admin/tsdb/delete_series",
    "/api/v1/write",
    "/api/v1/targets",
    "/api/v1/status/config",
    "/api/v1/query/../status/config",
    "/-/reload",
    "/api/v1/label/a%2Fb/values",
    "/metrics",
  ])("does not lead to %s", async (path) => {
    let reached = 0;
    const { url } = await viewer(
      await upstream((_, response) => {
        reached += 1;
        response.end("{}");
      }),
    );
    const status = await new Promise<number | undefined>((resolve, reject) => {
      request(`${url}`, { path, method: "POST" }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
    expect([404, 405]).toContain(status);
    expect(reached).toBe(0);
  });

  it("says when Prometheus cannot be reached", async () => {
    const { url } = await viewer(nowhere);
    const response = await fetch(`${url}/api/v1/query?query=up`);
    expect([response.status, await response.json()]).toMatchObject([
      502,
      { status: "error", errorType: "unreachable" },
    ]);
  });

  it("says when Prometheus does not answer in time, and lets go of it", async () => {
    let left = false;
    const { url } = await viewer(
      await upstream((incoming) => {
        incoming.socket.once("close", () => {
          left = true;
        });
      }),
      { timeoutMs: 200 },
    );
    const response = await fetch(`${url}/api/v1/query?query=up`);
    expect([response.status, await response.json()]).toMatchObject([504, { errorType: "timeout" }]);
    await expect.poll(() => left, { timeout: 20_000 }).toBe(true);
  });

  it("says when the answer trickles for ever", async () => {
    const { url } = await viewer(
      await upstream((_, response) => {
        response.write('{"status":"success",');
        const timer = setInterval(() => response.write(" "), 20);
        response.once("close", () => clearInterval(timer));
      }),
      { timeoutMs: 300 },
    );
    const response = await fetch(`${url}/api/v1/query?query=up`);
    expect([response.status, await response.json()]).toMatchObject([504, { errorType: "timeout" }]);
  });

  it("says when something else answers there", async () => {
    const { url } = await viewer(await upstream((_, response) => response.end("<html>welcome</html>")));
    const response = await fetch(`${url}/api/v1/query?query=up`);
    expect([response.status, await response.json()]).toMatchObject([502, { errorType: "garbage" }]);
  });

  it("says when the answer breaks off", async () => {
    const { url } = await viewer(
      await upstream((_, response) => {
        response.writeHead(200, { "content-length": 1_000 }).write('{"status":"success"');
        setTimeout(() => response.destroy(), 20);
      }),
    );
    expect((await fetch(`${url}/api/v1/query?query=up`)).status).toBe(502);
  });

  it("stops an answer that is too large", async () => {
    const { url } = await viewer(
      await upstream((_, response) => response.end(`{"status":"success","data":"${"x".repeat(50_000)}"}`)),
      { maxResponseBytes: 10_000 },
    );
    const response = await fetch(`${url}/api/v1/query?query=up`);
    expect([response.status, await response.json()]).toMatchObject([502, { errorType: "too_large" }]);
  });

  it("refuses a query that is too large", async () => {
    const { url } = await viewer(await upstream(answer));
    const response = await fetch(`${url}/api/v1/query`, {
      method: "POST",
      body: new URLSearchParams({ query: "x".repeat(100_000) }),
    }).catch(() => undefined);
    expect(response?.status ?? 413).toBe(413);
  });

  it("keeps Prometheus' own words about a bad query", async () => {
    const { url } = await viewer(
      await upstream((_, response) =>
        response.writeHead(400).end('{"status":"error","errorType":"bad_data","error":"no"}'),
      ),
    );
    const response = await fetch(`${url}/api/v1/query?query=(`);
    expect([response.status, await response.json()]).toMatchObject([400, { errorType: "bad_data", error: "no" }]);
  });
});

describe("the viewer's server", () => {
  it("answers on loopback to loopback's names only", async () => {
    const { url } = await viewer(nowhere);
    const ask = (host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        request(url, { headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on("error", reject)
          .end();
      });
    expect(await ask("localhost:3000")).toBe(200);
    expect(await ask("[::1]:3000")).toBe(200);
    expect(await ask("attacker.example")).toBe(403);
  });

  it("gives no foreign page an answer", async () => {
    const { url } = await viewer(nowhere);
    const response = await fetch(`${url}/api/search`, {
      headers: { "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" },
    });
    expect(response.status).toBe(403);
    expect((await fetch(url)).headers.get("content-security-policy")).toContain(
      "default-src 'none'; script-src 'self'",
    );
  });

  it("is read-only", async () => {
    const { url } = await viewer(nowhere);
    for (const path of ["/", "/api/dashboards/db", "/api/search"])
      expect((await fetch(`${url}${path}`, { method: "POST" })).status, path).toBe(405);
  });

  it("sees a dashboard that is added, changed and removed", async () => {
    const { url, folder } = await viewer(nowhere);
    const list = async (): Promise<unknown> =>
      ((await (await fetch(`${url}/api/search`)).json()) as { title: string }[]).map(({ title }) => title);
    expect(await list()).toEqual(["A"]);
    await writeFile(join(folder, "b.json"), JSON.stringify({ uid: "b", title: "B", panels: [] }));
    expect(await list()).toEqual(["A", "B"]);
    await writeFile(join(folder, "b.json"), JSON.stringify({ uid: "b", title: "Changed", panels: [] }));
    expect(await list()).toEqual(["A", "Changed"]);
    await rm(join(folder, "b.json"));
    expect(await list()).toEqual(["A"]);
  });

  it("names the files that it cannot show, and shows the others", async () => {
    const { url, folder } = await viewer(nowhere);
    await writeFile(join(folder, "half.json"), '{"uid": "half", ');
    await writeFile(join(folder, "other.json"), '{"some": "thing"}');
    await writeFile(join(folder, "twice.json"), JSON.stringify({ uid: "a", title: "Again", panels: [] }));
    expect(await (await fetch(`${url}/api/problems`)).json()).toEqual([
      "half.json: is not JSON",
      "other.json: is not a dashboard: it needs uid, title and panels",
      'twice.json: the uid "a" is taken by another file',
    ]);
    expect(await (await fetch(`${url}/api/search`)).json()).toHaveLength(1);
  });

  it("is alive without dashboards but ready only with them", async () => {
    const { url, folder } = await viewer(nowhere);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    await rm(folder, { recursive: true });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const unready = await fetch(`${url}/readyz`);
    expect([unready.status, await unready.text()]).toMatchObject([
      503,
      expect.stringContaining("the folder of dashboards"),
    ]);
  });

  it("serves its modules as JavaScript, and no file beside them", async () => {
    const { url } = await viewer(nowhere);
    const response = await fetch(`${url}/assets/panels/chart.ts`);
    const text = await response.text();
    expect(response.headers.get("content-type")).toContain("text/javascript");
    expect(text).toContain('from "/assets/uplot.js"');
    expect(text).not.toContain("interface ");
    for (const path of ["/assets/..%2f..%2fserver.ts", "/assets/../server.ts", "/assets/package.json"])
      expect((await fetch(`${url}${path}`)).status, path).toBe(404);
    const again = await fetch(`${url}/assets/app.ts`, {
      headers: { "if-none-match": (await fetch(`${url}/assets/app.ts`)).headers.get("etag") ?? "" },
    });
    expect(again.status).toBe(304);
  });
});

describe("the way to traces", () => {
  const path = fill(tracesPath("service_name", "span_name"), {
    service_name: "gateway",
    span_name: "GET /api/patients/:id & more",
  });

  it("leads where Grafana's Explore would: to Jaeger's search for the operation", async () => {
    const { url } = await viewer(nowhere, { traces: new URL("http://127.0.0.1:16686") });
    const response = await fetch(url + path, { redirect: "manual" });
    expect(response.status).toBe(302);
    expect(response.headers.get("location")).toBe(
      "http://127.0.0.1:16686/search?service=gateway&operation=GET+%2Fapi%2Fpatients%2F%3Aid+%26+more&lookback=1h",
    );
  });

  it("says so where it leads nowhere", async () => {
    const { url } = await viewer(nowhere, { traces: new URL("http://127.0.0.1:16686") });
    for (const bad of ["/explore", "/explore?panes=nonsense", "/explore?panes=%7B%22a%22:null%7D"])
      expect((await fetch(url + bad, { redirect: "manual" })).status, bad).toBe(404);
    const { url: without } = await viewer(nowhere);
    expect((await fetch(without + path, { redirect: "manual" })).status).toBe(404);
  });
});
