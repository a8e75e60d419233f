// The trace of an attempt: a span for the whole and one for each of its steps, made when the attempt has ended.
import { trace as api, ROOT_CONTEXT, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import { probePhases } from "../../telemetry/catalogue/integrations.ts";
import type { Attempt } from "./probe.ts";

const whole = "probe";

/** Every name that a span of ours has. */
export const spanNames: readonly string[] = [whole, ...probePhases];

/** Makes the trace of an attempt and returns its id; undefined when there is nothing to make one of. */
export function traceOf(tracer: Tracer, integration: string, { course, cause }: Attempt): string | undefined {
  if (course === undefined) return undefined;
  const span = tracer.startSpan(whole, {
    root: true,
    startTime: course.began,
    attributes: { integration, ...(cause === undefined ? {} : { cause }) },
  });
  if (cause !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
  const inside = api.setSpan(ROOT_CONTEXT, span);
  let at = course.began;
  for (const [index, { phase, seconds }] of course.steps.entries()) {
    const step = tracer.startSpan(phase, { startTime: at, attributes: { phase } }, inside);
    // The step that was under way is the one that failed.
    if (cause !== undefined && index === course.steps.length - 1) step.setStatus({ code: SpanStatusCode.ERROR });
    at += seconds * 1_000;
    step.end(at);
  }
  span.end(at);
  return span.spanContext().traceId;
}
