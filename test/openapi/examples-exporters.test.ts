// Each example of the exporters' documents is sent to the running exporter in front of a real PostgreSQL; each answer is as it is described.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runExporter, type Scraped } from "../exporters/scraped.ts";
import { postgresMissing, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { ofExporters } from "./documents.ts";

interface Described {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly example: string }[];
  readonly security?: readonly object[];
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);

describe.skipIf(postgresMissing() !== undefined)(
  `the examples of the exporters' documents ${postgresMissing() ?? ""}`,
  () => {
    let folder: string;
    let server: TestPostgres;
    const running = new Map<string, Scraped>();
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "vitals-examples-"));
      server = await startPostgres();
      const secret = async (name: string, text: string) => {
        await writeFile(join(folder, name), text, { mode: 0o600 });
        return join(folder, name);
      };
      const access = { tokenFile: await secret("token", "right") };
      const address = `127.0.0.1:${server.port}`;
      const passwordFile = await secret("password", server.password);
      const billing = { id: "billing", kind: "postgres", address, user: server.user, passwordFile };
      const stripe = { name: "stripe", probe: "tcp", address, interval: "1s", allow: ["loopback"] };
      const configs: Readonly<Record<string, object>> = {
        "db-stats": { databases: [billing], texts: access },
        "integration-health": { integrations: [stripe], access },
      };
      for (const { exporter } of ofExporters)
        running.set(exporter.name, await runExporter(exporter, configs[exporter.name]));
    });
    afterAll(async () => {
      for (const each of running.values()) await each.close();
      await server?.stop();
      await rm(folder, { recursive: true });
    });

    const operations = ofExporters.flatMap(({ exporter: { name }, document: { paths, components } }) =>
      Object.entries(paths as unknown as Readonly<Record<string, { readonly get: Described }>>).map(
        ([path, { get }]) => ({
          ...{ name, path, components, get },
        }),
      ),
    );
    it.each(operations)("$name $path", async ({ name, path, components, get }) => {
      const { parameters = [], security, responses } = get;
      const of = (place: string) => parameters.filter((each) => each.in === place);
      const filled = of("path").reduce((text, { name, example }) => text.replace(`{${name}}`, example), path);
      const query = new URLSearchParams(of("query").map(({ name, example }) => [name, example]));
      const answerOf = async (headers: Readonly<Record<string, string>>) => {
        const response = await (running.get(name) as Scraped).page(`${filled}?${query}`, { headers });
        const [type = ""] = (response.headers.get("content-type") ?? "").split(";");
        return { status: response.status, type, text: await response.text() };
      };
      const { status, type, text } = await answerOf({ authorization: "Bearer right" });
      expect([status, Object.keys(responses[200]?.content ?? {})], text.slice(0, 200)).toEqual([200, [type]]);
      const value = type === "application/json" ? JSON.parse(text) : text;
      const { schema = {} } = responses[200]?.content[type] ?? {};
      if (!ajv.validate({ ...schema, components }, value)) expect(ajv.errors, text.slice(0, 400)).toBeNull();
      const stranger = await answerOf({});
      expect(stranger.status).toBe(security === undefined ? 200 : 401);
      if (security !== undefined) expect(Object.keys(responses[401]?.content ?? {})).toEqual([stranger.type]);
    });
  },
);
