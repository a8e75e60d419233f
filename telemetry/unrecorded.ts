// Traces that are not recorded: most are, where a head ratio is set, so they cost next to nothing. Classes, because each request makes one of each.
import {
  type Context,
  context,
  type Span,
  type SpanContext,
  type SpanOptions,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { randomId } from "./ids.ts";

/** A context that holds one value more than another; the library's own copies a map and makes four functions. */
class Nested implements Context {
  private readonly parent: Context | undefined;
  private readonly key: symbol | undefined;
  private readonly value: unknown;

  constructor(parent?: Context, key?: symbol, value?: unknown) {
    this.parent = parent;
    this.key = key;
    this.value = value;
  }

  getValue(key: symbol): unknown {
    return key === this.key ? this.value : this.parent?.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return new Nested(this, key, value);
  }

  deleteValue(key: symbol): Context {
    return this.getValue(key) === undefined ? this : new Nested(this, key, undefined);
  }
}

/** Without any value. */
export const root: Context = new Nested();

/** All spans of one trace: it has ids as soon as somebody asks for them, such as a call that carries them along. */
class Unrecorded implements Span {
  private ids: SpanContext | undefined;

  spanContext(): SpanContext {
    this.ids ??= { traceId: randomId(16), spanId: randomId(8), traceFlags: TraceFlags.NONE };
    return this.ids;
  }

  isRecording(): boolean {
    return false;
  }

  setAttribute(): this {
    return this;
  }

  setAttributes(): this {
    return this;
  }

  addEvent(): this {
    return this;
  }

  addLink(): this {
    return this;
  }

  addLinks(): this {
    return this;
  }

  setStatus(): this {
    return this;
  }

  updateName(): this {
    return this;
  }

  recordException(): void {}
  end(): void {}
}

/**
 * A tracer that begins as many traces as `ratio` says by `tracer`, and all others unrecorded; what belongs to a trace goes its way.
 * `chosen` runs the beginning of one that has to be recorded.
 */
export function sampled(tracer: Tracer, ratio: number, chosen: (begin: () => Span) => Span): Tracer {
  const startSpan = (name: string, options?: SpanOptions, within: Context = context.active()): Span => {
    const parent = options?.root === true ? undefined : trace.getSpan(within);
    if (parent instanceof Unrecorded) return parent;
    if (parent !== undefined) return tracer.startSpan(name, options, within);
    return Math.random() < ratio ? chosen(() => tracer.startSpan(name, options, within)) : new Unrecorded();
  };
  const startActiveSpan = <T>(name: string, ...given: readonly unknown[]): T => {
    const [options, within = context.active()] = given.slice(0, -1) as [SpanOptions?, Context?];
    const work = given.at(-1) as (span: Span) => T;
    const span = startSpan(name, options, within);
    // Within a trace that is not recorded, it is the one that is active already.
    if (given.length < 3 && span === trace.getSpan(within)) return work(span);
    return context.with(trace.setSpan(within, span), work, undefined, span);
  };
  return { startSpan, startActiveSpan };
}
