// What is served is documented, and what is documented is served: the running programs' own routes against their documents.
import Fastify from "fastify";
import { beforeAll, describe, expect, it } from "vitest";
import { integrationHealth } from "../../exporters/integration-health/index.ts";
import { addApi } from "../../gateway/api.ts";
import { addDocs } from "../../gateway/docs.ts";
import { addGraphql } from "../../gateway/graphql/index.ts";
import { clinic } from "../../gateway/routes/clinic.ts";
import { exporter } from "../../telemetry/catalogue/exporter.ts";
import { createLog } from "../../telemetry/log.ts";
import { createMetrics } from "../../telemetry/metrics.ts";
import { documents } from "./documents.ts";

/** Not part of an API: pages' parts, what moves on, and where requests go that mean no version. */
const beside = ["GET /", "GET /docs/start.js", "GET /docs/swagger-ui.js", "GET /docs/swagger-ui.css"];

describe("the document of integration-health", () => {
  it("has every route of its API", async () => {
    const rows = { ...integrationHealth.rows, ...exporter };
    const { routes = {}, close } = integrationHealth.start({
      metrics: createMetrics(rows),
      log: createLog("integration-health", { write: () => {} }),
    } as never);
    const api = Object.keys(routes).filter((path) => path.startsWith("/api/"));
    const documented = Object.keys(documents["integration-health"].paths);
    expect(documented.toSorted()).toEqual(api.map((path) => path.replaceAll(/:(\w+)/g, "{$1}")).toSorted());
    await close(AbortSignal.timeout(1_000));
  });
});

describe("the gateway's document", () => {
  const documented = Object.entries(documents.gateway.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const served = new Set<string>();
  const app = Fastify();
  app.addHook("onRoute", ({ method, url }) => {
    for (const each of [method].flat())
      if (!["HEAD", "OPTIONS"].includes(each) && url !== "/api/unknown-version")
        served.add(`${each} ${url.replaceAll(/:(\w+)/g, "{$1}")}`);
  });
  addDocs(app, documents.gateway);
  addApi(app, { routes: clinic } as never);
  beforeAll(() => addGraphql(app, { routes: clinic, telemetry: {} } as never));

  it("has every route of the application", () => {
    const api = [...served].filter((each) => !beside.includes(each));
    const covered = api.filter((each) => documented.includes(each));
    console.log(`gateway: ${covered.length} of ${api.length} operations are documented`);
    expect(covered).toEqual(api);
  });

  it("has no route that the application does not answer", () => {
    // Those two are the server's own.
    expect(documented.filter((each) => !served.has(each))).toEqual(["GET /healthz", "GET /readyz"]);
  });

  it("tells of each operation what it does, what it takes and what it answers", () => {
    for (const [path, methods] of Object.entries(documents.gateway.paths))
      for (const [method, operation] of Object.entries(methods)) {
        expect(operation.summary, `${method} ${path}`).toMatch(/\w{3}/);
        expect(Object.keys(operation.responses as object).length, `${method} ${path}`).toBeGreaterThan(0);
        for (const name of path.matchAll(/\{(\w+)\}/g))
          expect(operation.parameters, `${method} ${path}`).toContainEqual(
            expect.objectContaining({ name: name[1], in: "path" }),
          );
      }
  });
});
