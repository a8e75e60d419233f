// Each example of the gateway's document is sent to the running gateway in front of the real services; each answer keeps its schema.
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sheets } from "../../records/index.ts";
import { type Clinic, startClinic } from "../demo/clinic.ts";
import { startGateway, type TestGateway } from "../gateway/support.ts";
import { postgresMissing } from "../support/postgres.ts";
import { documents } from "./documents.ts";

interface Described {
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly example: string }[];
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly example: object } } };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema?: object }>> }>
  >;
}

const { paths, components } = documents.gateway;
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    path,
    method: method.toUpperCase(),
    ...(operation as unknown as Described),
  })),
);
const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);

describe.skipIf(postgresMissing() !== undefined)(
  `the examples of the gateway's document ${postgresMissing() ?? ""}`,
  () => {
    let clinic: Clinic;
    let gateway: TestGateway;
    beforeAll(async () => {
      clinic = await startClinic();
      expect((await clinic.seed("--patients", "50")).code).toBe(0);
      const urls = await Promise.all(sheets.map(async ({ name }) => [name, (await clinic.service(name)).url] as const));
      gateway = await startGateway(Object.fromEntries(urls));
    }, 90_000);
    afterAll(async () => {
      await gateway?.stop();
      await clinic?.stop();
    });

    it.each(operations)("$method $path", async ({ method, path, parameters = [], requestBody, responses }) => {
      const values = (place: string) =>
        parameters.filter((each) => each.in === place).map(({ name, example }) => [name, example] as const);
      const filled = values("path").reduce((text, [name, value]) => text.replace(`{${name}}`, value), path);
      const send = async (query: readonly (readonly [string, string])[]) => {
        const body = requestBody?.content["application/json"].example;
        const response = await gateway.ask(
          query.length === 0 ? filled : `${filled}?${new URLSearchParams(query as [string, string][])}`,
          {
            method,
            ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
          },
        );
        const answer = await response.text();
        const expected = Object.keys(responses).find((code) => code.startsWith("2"));
        expect(
          `${response.status} ${response.status < 300 ? "" : answer}`.trim(),
          `${filled} ${JSON.stringify(body)}`,
        ).toBe(expected);
        const type = response.headers.get("content-type")?.split(";")[0] ?? "";
        const content = responses[response.status]?.content ?? {};
        expect(Object.keys(content)).toContain(type);
        const schema = content[type]?.schema;
        if (schema !== undefined && !ajv.validate({ ...schema, components }, JSON.parse(answer)))
          expect(ajv.errors, answer.slice(0, 400)).toBeNull();
      };
      const query = values("query");
      const required = parameters.filter((each) => each.in === "query" && (each as { required?: boolean }).required);
      const always = query.filter(([name]) => required.some((each) => each.name === name));
      // Each parameter alone, and all of them together.
      const combinations = [always, ...query.map((one) => [...always.filter(([name]) => name !== one[0]), one]), query];
      const queries = new Map(combinations.map((each) => [JSON.stringify(each), each]));
      for (const each of queries.values()) await send(each);
    });
  },
);
