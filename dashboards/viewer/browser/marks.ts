// What a dashboard's annotations mark: stretches of time, the same in each of its charts.
import { ask, samplesOf } from "./ask.ts";
import { nameOf } from "./fields.ts";
import type { Context } from "./load.ts";
import type { Annotation, Mark } from "./model.ts";
import { stepOf } from "./time.ts";
import { interpolate } from "./variables.ts";

/** As many points as a chart of ordinary width has. */
const points = 400;

/** Asks every annotation anew. One that cannot be had marks nothing: the panels tell what is wrong with Prometheus. */
export async function loadMarks(context: Context): Promise<readonly Mark[]> {
  const annotations = (context.dashboard.annotations?.list ?? []).filter(({ enable }) => enable);
  return (await Promise.all(annotations.map((each) => marksOf(each, context).catch(() => [])))).flat();
}

/** The marks of one annotation; throws when Prometheus cannot answer. */
export async function marksOf(
  { target, titleFormat, iconColor }: Annotation,
  context: Context,
): Promise<readonly Mark[]> {
  if (target === undefined) return [];
  const { range, dashboard, choices, scrapeSeconds } = context;
  const step = stepOf(range, points, scrapeSeconds);
  const query = interpolate(target.expr, dashboard, choices, {
    step,
    scrape: scrapeSeconds,
    range: range.to - range.from,
  });
  const [start, end] = [range.from, range.to].map((at) => String(Math.floor(at / step) * step));
  const data = await ask(context, "/api/v1/query_range", {
    query,
    start: start ?? "",
    end: end ?? "",
    step: String(step),
  });
  return samplesOf(data).flatMap(({ metric, values = [] }) => {
    const title = nameOf(metric, titleFormat, target.expr);
    return stretches(
      values.flatMap(([at, value]) => (Number(value) > 0 ? [at] : [])),
      step,
    ).map(([from, to]) => ({
      from,
      to,
      title,
      color: iconColor,
    }));
  });
}

/** Instants that lie a step apart belong together. */
function stretches(instants: readonly number[], step: number): readonly (readonly [from: number, to: number])[] {
  const found: [number, number][] = [];
  for (const at of instants) {
    const last = found.at(-1);
    if (last !== undefined && at - last[1] <= step * 1.5) last[1] = at;
    else found.push([at, at]);
  }
  return found;
}
