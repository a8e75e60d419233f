// What is said of an error: its kind and its place, also when it ends the program; nothing that it says itself.
import { afterEach, describe, expect, it } from "vitest";
import { failureOf, framesOf, typeOf } from "../../telemetry/failure.ts";
import { redact } from "../../telemetry/redact.ts";
import { startChild } from "../support/children.ts";
import { type Ingest, startIngest } from "./ingest.ts";

const mark = "CANARY7";
let ingest: Ingest | undefined;
afterEach(() => ingest?.close());

describe("a service that fails in a way that nobody expected", () => {
  it.each([
    ["thrown", "sqlstate_23505"],
    ["rejected", "sqlstate_23505"],
    ["no error", undefined],
  ])("ends, tells where it was, and nothing of what it was about: %s", async (how, type) => {
    ingest = await startIngest();
    const dsn = `${ingest.url.replace("://", "://key@")}/7`;
    const child = startChild(process.execPath, ["test/telemetry/failing.ts", how, dsn]);
    expect(await child.ended).toBe(1);
    const lines = child.output().trim().split("\n");
    const last = JSON.parse(lines.at(-1) ?? "");
    expect(last).toMatchObject({ level: "error", service: "lab", msg: "unexpected failure" });
    if (type !== undefined)
      expect(last).toMatchObject({ "error.type": type, "error.place": "test/telemetry/failing.ts:6" });
    expect(ingest.events()).toHaveLength(1);
    for (const seen of [child.output(), ...ingest.bodies]) expect(seen).not.toContain(mark);
  });
});

describe("the places of an error", () => {
  const places = (error: unknown) => framesOf(error).map(({ filename }) => filename);

  it("are those of its stack, our own apart from Node's and packages'", () => {
    const error = new Error("x");
    error.stack = `Error: x
    at inner (/srv/app/node_modules/pg/lib/client.js:5:1)
    at async own (${process.cwd()}/gateway/api.ts:42:7)
    at node:internal/process/task_queues:95:5
    at file://${process.cwd()}/gateway/main.ts:9:1`;
    expect(framesOf(error)).toEqual([
      { function: "?", filename: "gateway/main.ts", lineno: 9, in_app: true },
      { function: "?", filename: "node:internal/process/task_queues", lineno: 95, in_app: false },
      { function: "own", filename: "gateway/api.ts", lineno: 42, in_app: true },
      { function: "inner", filename: "node_modules/pg/lib/client.js", lineno: 5, in_app: false },
    ]);
    expect(redact(failureOf(error))).toEqual({ "error.type": "Error", "error.place": "gateway/api.ts:42" });
  });

  it("are none that the message made up, also when it was changed after the error was made", () => {
    const told = `no ${mark}\n    at ${mark} (/${mark}/${mark}.ts:1:1)\n    at end (/${mark}/b.ts:2:2)`;
    expect(places(new Error(told)).join()).not.toContain(mark);
    expect(places(new Error(told)).length).toBeGreaterThan(0);
    const prefixed = new Error(told);
    // V8 writes it when it is asked for the first time.
    expect(prefixed.stack).toContain(mark);
    prefixed.message = `while reading: ${told}`;
    expect(places(prefixed)).toEqual([]);
    expect(places({ stack: `Error\n    at x (/${mark}/a.ts:1:1)`, message: "" })).toEqual([]);
  });
});

describe("the kind of an error", () => {
  it.each([
    [Object.assign(new Error(mark), { code: "ECONNRESET" }), "ECONNRESET"],
    [Object.assign(new Error(mark), { code: "FST_ERR_BAD_URL" }), "FST_ERR_BAD_URL"],
    [Object.assign(new Error(mark), { code: "57014" }), "sqlstate_57014"],
    [Object.assign(new TypeError(mark), { code: "jane@example.org" }), "TypeError"],
    [Object.assign(new TypeError(mark), { code: 5 }), "TypeError"],
    [mark, "thrown"],
    [undefined, "thrown"],
    [null, "thrown"],
    [new DOMException(mark, "TimeoutError"), "TimeoutError"],
    [new DOMException("x", `${mark}Error`), "DOMException"],
  ])("of %o is %s", (error, type) => expect(typeOf(error)).toEqual({ "error.type": type }));
});
