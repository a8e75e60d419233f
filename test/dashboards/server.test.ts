import { rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tracesPath } from "../../dashboards/link.ts";
import { fill } from "../../dashboards/viewer/browser/fields.ts";
import { nowhere, viewer } from "./serving.ts";

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
