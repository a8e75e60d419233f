import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attributes, redact } from "../../telemetry/redact.ts";

describe("the list of what may pass", () => {
  it("lets names, counts, identifiers of traces and templates through", () => {
    const given = {
      integration: "stripe",
      cause: "http_5xx",
      trace_id: "0123456789abcdef0123456789abcdef",
      "http.route": "/patients/:id/appointments",
      "http.request.method": "GET",
      "http.response.status_code": 404,
      setting: "integrations[0].timeout",
      duration_ms: 12.5,
      up: false,
    };
    expect(redact(given)).toEqual(given);
  });

  it.each([
    ["a path with a record number", { "http.route": "/patients/4711" }],
    ["an identifier in a path", { "http.route": "/patients/9f8b6c1e-1111-4222-8333-abcdefabcdef" }],
    ["a query", { "http.route": "/patients?name=jane" }],
    ["an address", { target: "10.1.2.3" }],
    ["a URL", { integration: "https://vendor.example/x?key=1" }],
    ["a sentence", { cause: "Jane Doe, born 1980-01-01" }],
    ["a date", { cause: "1980-01-01" }],
    ["a mail address", { database: "jane@example.org" }],
    ["a telephone number", { integration: "5550100" }],
    ["a record number as a number", { attempts: 123_456_789 }],
    ["an object", { cause: { name: "jane" } }],
    ["a header", { "user-agent": "x" }],
    ["an inherited name", { constructor: "x", toString: "y" }],
  ])("drops %s", (_what, given) => {
    expect(redact(given)).toEqual({});
  });

  it("never lets a name pass that is not on it, nor a text longer than 120 characters", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.anything()), (given) => {
        for (const key of Object.keys(redact(given))) expect(Object.hasOwn(attributes, key)).toBe(true);
      }),
    );
    for (const key of Object.keys(attributes)) expect(redact({ [key]: "a".repeat(121) })).toEqual({});
  });
});
