// A real Jaeger as the stack configures it for OpenSearch, before a server that writes down what it is asked.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { secretsFolder } from "../components/platforms/mounts.ts";
import { findTool, resolveTool } from "../tools/resolve.ts";
import { least, make } from "./platforms/kubernetes-stacks.ts";
import { startChild } from "./support/children.ts";
import { freePort, untilListening } from "./support/ports.ts";

const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface Asked {
  readonly what: string;
  readonly login: string;
  readonly body: string;
}

/** Answers as far as Jaeger needs it to start and to write. */
async function openSearch(): Promise<{ readonly url: string; readonly asked: readonly Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    const bytes = await buffer(request);
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    asked.push({
      what: `${request.method} ${path}`,
      login: Buffer.from((request.headers.authorization ?? "").replace("Basic ", ""), "base64").toString(),
      body: (request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes).toString(),
    });
    const version = { number: "2.19.0", distribution: "opensearch" };
    const about = { version, tagline: "The OpenSearch Project: https://opensearch.org/" };
    const answer = path === "/" ? about : path === "/_bulk" ? { errors: false, items: [] } : { acknowledged: true };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** Starts Jaeger with the rendered configuration, its ports and its password's file in other places. Returns its OTLP port. */
async function jaegerOn(url: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "vitals-jaeger-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "tracesPassword"), "CANARY-password\n", { mode: 0o600 });
  const opensearch = { urls: [url], user: "jaeger", passwordSecret: "tracesPassword" };
  const { manifests, stack } = make({ ...least, jaegerStorage: "opensearch", opensearch }, ["tracesPassword"]);
  const rendered = manifests.flatMap(({ kind, metadata, data }) =>
    kind === "ConfigMap" && metadata.name.startsWith("jaeger-") ? Object.values(data as Record<string, string>) : [],
  );
  let text = rendered.join("").replaceAll("0.0.0.0", "127.0.0.1").replaceAll(secretsFolder, folder);
  const ports = new Map<string, number>();
  for (const [name, { number }] of Object.entries(stack.specs.find((spec) => spec.name === "jaeger")?.ports ?? {})) {
    const free = await freePort();
    ports.set(name, free);
    text = text.replaceAll(new RegExp(`\\b${number}\\b`, "g"), `${free}`);
  }
  writeFileSync(join(folder, "config.yaml"), text);
  const child = startChild(resolveTool("jaeger").path, ["--config", join(folder, "config.yaml")]);
  cleanups.push(() => child.end());
  const otlp = ports.get("otlp-http") ?? 0;
  await untilListening(otlp, child.alive);
  return otlp;
}

const missing = findTool("jaeger") === undefined ? "skipped: jaeger is not there (npm run tools -- get)" : undefined;

describe.skipIf(missing !== undefined)(`Jaeger on OpenSearch ${missing ?? ""}`, () => {
  it("logs in with the password from its file, and writes spans into indices with the stack's prefix", async () => {
    const { url, asked } = await openSearch();
    const port = await jaegerOn(url);
    const at = `${BigInt(Date.now()) * 1_000_000n}`;
    const span = { traceId: "1".repeat(32), spanId: "2".repeat(16), name: "op", kind: 1 };
    const attributes = [{ key: "service.name", value: { stringValue: "lab" } }];
    const spans = [{ ...span, startTimeUnixNano: at, endTimeUnixNano: at }];
    const response = await fetch(`http://127.0.0.1:${port}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }] }),
      signal: AbortSignal.timeout(5_000),
    });
    expect(response.status).toBe(200);
    const written = () => asked.filter(({ what }) => what === "POST /_bulk").map(({ body }) => body);
    await expect.poll(() => written().join(""), { timeout: 20_000 }).toContain("1".repeat(32));
    expect(written().join("")).toMatch(/"_index":"vitals-jaeger-span-\d{4}-\d\d-\d\d"/);
    expect(asked.map(({ what }) => what)).toContain("PUT /_template/vitals-jaeger-span");
    expect(new Set(asked.map(({ login }) => login))).toEqual(new Set(["jaeger:CANARY-password"]));
  }, 60_000);
});
