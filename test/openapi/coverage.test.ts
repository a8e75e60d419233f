// What is served is documented, and what is documented is served: the routes that the running programs have themselves, against their documents.
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGateway, type Gateway } from "../../gateway/app.ts";
import { gatewayConfig } from "../../gateway/config.ts";
import { clinic } from "../../gateway/routes/clinic.ts";
import { runExporter } from "../exporters/scraped.ts";
import { documents, ofExporters } from "./documents.ts";

/** Not part of an API: pages' parts, what leads on, and where requests go that mean no version. */
const beside = ["/docs/start.js", "/docs/swagger-ui.js", "/docs/swagger-ui.css", "/api/unknown-version"];
const inBraces = (path: string): string => path.replaceAll(/:(\w+)/g, "{$1}");

type Paths = Readonly<Record<string, Readonly<Record<string, { readonly [part: string]: unknown }>>>>;
const operationsOf = (paths: object): readonly string[] =>
  Object.entries(paths as Paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );

describe.each(ofExporters)("the document of $exporter.name", ({ exporter, document }) => {
  it("has every path that the running exporter answers, and no other", async () => {
    const empty = exporter.name === "db-stats" ? { databases: [] } : { integrations: [] };
    const running = await runExporter(exporter, empty);
    try {
      const served = running.paths.map(inBraces).filter((path) => !beside.includes(path));
      console.log(`${exporter.name}: ${served.length} paths`);
      expect(Object.keys(document.paths).toSorted()).toEqual(served.toSorted());
    } finally {
      await running.close();
    }
  });
});

/** The routes of an application, as its router has them: a tree with a part of a path in each line. */
function routesOf(app: FastifyInstance): readonly string[] {
  const above: string[] = [];
  return app
    .printRoutes({ commonPrefix: false })
    .split("\n")
    .flatMap((line) => {
      const [, indent = "", part = "", methods] = /^([│ ]*)[├└]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? [];
      const depth = indent.length / 4;
      above.splice(depth, above.length, part);
      return (methods?.split(", ") ?? []).map((method) => `${method} ${inBraces(above.join(""))}`);
    });
}

describe("the gateway's document", () => {
  const documented = operationsOf(documents.gateway.paths);
  let gateway: Gateway;
  let served: readonly string[];
  beforeAll(async () => {
    const upstreams = Object.fromEntries(clinic.map(({ upstream }) => [upstream, "http://127.0.0.1:1"]));
    const access = { issuer: "x", audience: "x", jwksFile: "x" };
    const config = gatewayConfig.parse({ upstreams, access, secretFile: "x" });
    gateway = await createGateway(config, clinic, "off");
    await gateway.server.app.ready();
    served = routesOf(gateway.server.app).filter((each) => {
      const [method = "", path = ""] = each.split(" ");
      return method !== "HEAD" && !beside.includes(path) && each !== "GET /";
    });
  });
  afterAll(async () => {
    await gateway.server.app.close();
    await gateway.close();
    await gateway.server.telemetry.close();
  });

  it("has every route of the application", () => {
    const covered = served.filter((each) => documented.includes(each));
    console.log(`gateway: ${covered.length} of ${served.length} operations are documented`);
    expect(covered).toEqual(served);
    expect(served.length).toBeGreaterThan(2 * clinic.length);
  });

  it("has no route that the application does not answer", () => {
    expect(documented.filter((each) => !served.includes(each))).toEqual([]);
  });
});

describe.each(Object.entries(documents))("the document of %s", (_, { paths }) => {
  it("tells of each operation what it does, what it takes and what it answers", () => {
    for (const [path, methods] of Object.entries(paths as Paths))
      for (const [method, { summary, responses, parameters }] of Object.entries(methods)) {
        expect(summary, `${method} ${path}`).toMatch(/\w{3}/);
        expect(Object.keys(responses as object).length, `${method} ${path}`).toBeGreaterThan(0);
        for (const [, name] of path.matchAll(/\{(\w+)\}/g))
          expect(parameters, `${method} ${path}`).toContainEqual(expect.objectContaining({ name, in: "path" }));
      }
  });
});
