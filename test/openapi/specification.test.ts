// Each document against the specification of OpenAPI 3.1, and each schema in it as a schema.
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { describe, expect, it } from "vitest";
import { documents } from "./documents.ts";

describe.each(Object.entries(documents))("the document of %s", (_, document) => {
  it("keeps OpenAPI 3.1", async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(document) as never);
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    expect(validator.version).toBe("3.1");
  });

  it("has schemas that a validator takes, and no reference that leads nowhere", () => {
    const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allowUnionTypes: true });
    addFormats.default(ajv);
    ajv.addVocabulary(["example", "components"]);
    const { schemas = {} } = document.components as { readonly schemas?: object };
    for (const [name, schema] of Object.entries(schemas))
      expect(() => ajv.compile({ ...schema, components: document.components }), name).not.toThrow();
    const text = JSON.stringify(document);
    for (const [, name = ""] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      expect(schemas).toHaveProperty(name);
  });

  it("names each operation once", () => {
    const names = [...JSON.stringify(document).matchAll(/"operationId":"([^"]+)"/g)].map(([, name]) => name);
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  });
});

it("a document that breaks the specification is found", async () => {
  const broken = { ...structuredClone(documents.gateway), paths: { "/x": { get: { responses: [] } } } };
  expect((await new Validator().validate(broken as never)).valid).toBe(false);
});
