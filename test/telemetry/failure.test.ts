// What is said of an error: its kind and its place, also when it ends the program; nothing that it says itself.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { failureOf, framesOf, typeOf } from "../../telemetry/failure.ts";
import { redact } from "../../telemetry/redact.ts";
import { startChild } from "../support/children.ts";
import { type Ingest, startIngest } from "./ingest.ts";

const mark = "CANARY7";
let ingest: Ingest | undefined;
afterEach(() => ingest?.close());

class Named extends Error {
  override name = "Named";
}
function caught(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

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
  // Vitest has stacks written in its own way; a service has not.
  const { prepareStackTrace } = Error;
  beforeAll(() => void Reflect.deleteProperty(Error, "prepareStackTrace"));
  afterAll(() => void Object.assign(Error, { prepareStackTrace }));

  it("are those of its stack, our own apart from Node's and packages'", () => {
    const error = new Error("x");
    error.stack = `Error: x
    at inner (${process.cwd()}/node_modules/pg/lib/client.js:5:1)
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

  it.each(["", "n", "no", `no ${mark}`])("are none that the message made up, also when it was cut to %o", (left) => {
    const error = new Error(`no ${mark}\n    at ${mark} (/${mark}/${mark}.ts:1:1)\n    at node:${mark}:1:1`);
    expect(error.stack).toContain(mark);
    error.message = left;
    expect(JSON.stringify(framesOf(error))).not.toContain(mark);
  });

  it.each([
    ["has no message", () => new Error()],
    ["has a code in its name", () => caught(() => Buffer.alloc("x" as never))],
    ["is a system's", () => caught(() => readFileSync(`/${mark}`))],
    ["is of many", () => new AggregateError([new Error(mark)], "all")],
    ["has a cause", () => new Error("outer", { cause: new Error(mark) })],
    ["is a DOMException", () => new DOMException("late", "TimeoutError")],
    ["got its name later", () => Object.assign(new Error("x"), { name: "Other" })],
    ["names itself", () => new Named("x\ny")],
    ["is PostgreSQL's", () => new pg.DatabaseError("x", 1, "error")],
  ])("are there of an error that %s", (_kind, make) => {
    expect(framesOf(make())).toContainEqual(
      expect.objectContaining({ filename: "test/telemetry/failure.test.ts", in_app: true }),
    );
  });

  it("are there of a module whose path has a space", () => {
    const folder = mkdtempSync(join(tmpdir(), "a b "));
    const file = join(folder, "c.mjs");
    writeFileSync(file, "");
    const error = new Error("x");
    error.stack = `Error: x\n    at ${pathToFileURL(file)}:7:1`;
    expect(places(error)).toEqual([relative(process.cwd(), file)]);
    rmSync(folder, { recursive: true });
    // Remembered: errors come in storms.
    expect(places(error)).toHaveLength(1);
  });
});

describe("the kind of an error", () => {
  const reported = { severity: "ERROR", routine: "ProcessInterrupts" };
  it.each([
    [Object.assign(new Error(mark), { code: "ECONNRESET" }), "ECONNRESET"],
    [Object.assign(new Error(mark), { code: "FST_ERR_BAD_URL" }), "FST_ERR_BAD_URL"],
    [Object.assign(new Error(mark), { code: "ENOTFOUND" }), "ENOTFOUND"],
    [Object.assign(new Error(mark), { code: "EAI_AGAIN" }), "EAI_AGAIN"],
    [Object.assign(new Error(mark), { code: "HPE_HEADER_OVERFLOW" }), "HPE_HEADER_OVERFLOW"],
    [Object.assign(new Error(mark), { code: "UND_ERR_CONNECT_TIMEOUT" }), "UND_ERR_CONNECT_TIMEOUT"],
    [Object.assign(new Error(mark), { code: "Z_DATA_ERROR" }), "Z_DATA_ERROR"],
    [Object.assign(new Error(mark), { code: "ABORT_ERR" }), "ABORT_ERR"],
    [Object.assign(new Error(mark), { code: "SELF_SIGNED_CERT_IN_CHAIN" }), "SELF_SIGNED_CERT_IN_CHAIN"],
    [Object.assign(new pg.DatabaseError(mark, 1, "error"), reported, { code: "57014" }), "sqlstate_57014"],
    [Object.assign(new pg.DatabaseError(mark, 1, "error"), reported, { code: mark }), "DatabaseError"],
    [Object.assign(new TypeError(mark), { code: "jane@example.org" }), "TypeError"],
    [Object.assign(new TypeError(mark), { code: 5 }), "TypeError"],
    [mark, "thrown"],
    [undefined, "thrown"],
    [null, "thrown"],
    [new DOMException(mark, "TimeoutError"), "TimeoutError"],
    [new DOMException("x", `${mark}Error`), "DOMException"],
  ])("of %o is %s", (error, type) => expect(typeOf(error)).toEqual({ "error.type": type }));

  it.each(["57014", "SMITH", "12345", "EMILY", "E123456789", "JOHN_SMITH", "EAI_SMITH", "Z_SMITH"])(
    "is its class when its code may be anything: %s",
    (code) => expect(typeOf(Object.assign(new RangeError(mark), { code }))).toEqual({ "error.type": "RangeError" }),
  );
});
