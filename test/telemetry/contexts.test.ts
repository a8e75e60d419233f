// Contexts are OpenTelemetry's own in all but how they are entered: each promise of it, beside the library's.
import { AsyncLocalStorage } from "node:async_hooks";
import { EventEmitter } from "node:events";
import { setTimeout as later } from "node:timers/promises";
import { createContextKey, ROOT_CONTEXT } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { afterEach, describe, expect, it } from "vitest";
import { Contexts } from "../../telemetry/contexts.ts";

const key = createContextKey("name");
const named = (name: string) => ROOT_CONTEXT.setValue(key, name);

describe.each([
  ["ours", new Contexts()],
  ["the library's", new AsyncLocalStorageContextManager()],
] as const)("%s", (_name, contexts) => {
  afterEach(() => contexts.disable());
  const current = (): unknown => contexts.active().getValue(key);

  it("is active within, nested and beside each other, and not after", () => {
    const seen: unknown[] = [];
    contexts.with(named("a"), () => {
      seen.push(current());
      contexts.with(named("b"), () => {
        seen.push(current());
        contexts.with(named("c"), () => seen.push(current()));
        seen.push(current());
      });
      seen.push(current());
      contexts.with(named("d"), () => seen.push(current()));
      contexts.with(ROOT_CONTEXT, () => seen.push(current()));
      seen.push(current());
    });
    expect(seen).toEqual(["a", "b", "c", "b", "a", "d", undefined, "a"]);
    expect(contexts.active()).toBe(ROOT_CONTEXT);
  });

  it("passes this, arguments and the result on, and what is thrown", () => {
    const add = function (this: { base: number }, ...more: number[]) {
      return more.reduce((sum, each) => sum + each, this.base);
    };
    expect(contexts.with(named("a"), add, { base: 1 }, 2, 3)).toBe(6);
    expect(() =>
      contexts.with(named("a"), () => {
        throw new Error("thrown within");
      }),
    ).toThrow("thrown within");
    expect(current()).toBeUndefined();
  });

  it("goes on with what begins in it, by any way to wait", async () => {
    const seen: Promise<unknown>[] = [];
    const ways: readonly (() => Promise<unknown>)[] = [
      async () => {
        await null;
        return current();
      },
      () => later(2).then(current),
      () => new Promise((resolve) => setTimeout(() => resolve(current()), 1)),
      () => new Promise((resolve) => setImmediate(() => resolve(current()))),
      () => new Promise((resolve) => process.nextTick(() => resolve(current()))),
      () => new Promise((resolve) => queueMicrotask(() => resolve(current()))),
      () => fetch("data:,x").then(current),
    ];
    for (const name of ["a", "b"]) contexts.with(named(name), () => seen.push(...ways.map((way) => way())));
    seen.push(...ways.map((way) => way()));
    expect(await Promise.all(seen)).toEqual(["a", "b", undefined].flatMap((name) => ways.map(() => name)));
  });

  it("is left where an async function first waits", async () => {
    const work = contexts.with(named("a"), async () => {
      await later(1);
      return current();
    });
    expect(current()).toBeUndefined();
    expect(await work).toBe("a");
    expect(current()).toBeUndefined();
  });

  it("lets other stores be", () => {
    const other = new AsyncLocalStorage<string>();
    other.run("outside", () => {
      contexts.with(named("a"), () => {
        expect(other.getStore()).toBe("outside");
        other.run("inside", () => expect([current(), other.getStore()]).toEqual(["a", "inside"]));
        expect(other.getStore()).toBe("outside");
      });
      expect(other.getStore()).toBe("outside");
    });
    expect(other.getStore()).toBeUndefined();
  });

  it("binds functions and emitters", () => {
    const bound = contexts.bind(named("a"), (more: string) => [current(), more]);
    expect(contexts.with(named("b"), () => bound("x"))).toEqual(["a", "x"]);
    const emitter = contexts.bind(named("c"), new EventEmitter());
    const seen: unknown[] = [];
    emitter.on("told", () => seen.push(current()));
    emitter.once("told", () => seen.push(current()));
    emitter.emit("told");
    emitter.emit("told");
    expect(seen).toEqual(["c", "c", "c"]);
  });
});
