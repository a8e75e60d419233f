// What a panel or a variable shows: its questions to Prometheus, and the answers as series.
import { type Asker, ask, garbage, type Sample, samplesOf } from "./ask.ts";
import { configFor, fill, nameOf } from "./fields.ts";
import type { Dashboard, Exemplar, Frame, Panel, PanelData, Variable } from "./model.ts";
import { type Range, seconds, stepOf } from "./time.ts";
import { type Builtins, type Choices, filterValues, interpolate, questionOf } from "./variables.ts";

export interface Context extends Asker {
  readonly dashboard: Dashboard;
  readonly choices: Choices;
  readonly range: Range;
  readonly scrapeSeconds: number;
}

export const builtinsOf = (panel: Panel, range: Range, points: number, scrapeSeconds: number): Builtins => {
  const scrape = seconds(panel.interval ?? "") ?? scrapeSeconds;
  return { step: stepOf(range, points, scrape), scrape, range: range.to - range.from };
};

/** More series of one query than these are not fetched; Prometheus is asked how many there are. */
export const fetched = { range: 1_000, instant: 5_000 } as const;

/** Everything that a panel shows, asked anew. */
export async function loadPanel(panel: Panel, context: Context, width: number): Promise<PanelData> {
  const { dashboard, choices } = context;
  const own = seconds(panel.timeFrom ?? "");
  const range = own === undefined ? context.range : { from: context.range.to - own, to: context.range.to };
  const builtins = builtinsOf(panel, range, Math.max(60, width / 2), context.scrapeSeconds);
  const { step } = builtins;
  const targets = (panel.targets ?? []).filter(({ hide }) => hide !== true);
  const linesOver = async (from: number, to: number): Promise<readonly Found[]> => {
    const grid = { from: to - Math.ceil((to - from) / step) * step, to, step };
    return Promise.all(
      targets.map(async (target): Promise<Found> => {
        const query = interpolate(target.expr, dashboard, choices, builtins);
        const most = target.instant === true ? fetched.instant : fetched.range;
        // One more than is shown, to see whether there are more.
        const limit = String(most + 1);
        const data =
          target.instant === true
            ? await ask(context, "/api/v1/query", { query, time: range.to.toFixed(3), limit })
            : await ask(context, "/api/v1/query_range", {
                query,
                start: String(grid.from),
                end: String(grid.to),
                step: String(step),
                limit,
              });
        const samples = samplesOf(data);
        const frames = samples
          .slice(0, most)
          .map((sample) => toFrame(panel, target.refId, target.legendFormat, target.expr, sample, grid));
        if (samples.length <= most) return { frames, total: frames.length };
        // Over a time there may have been more than there are at its end.
        const count = await countOf(query, range.to, context);
        return { frames, total: count > most ? count : Infinity };
      }),
    );
  };
  // Points at round times keep a line's shape from refresh to refresh; what is younger than the last of them shows by one that ends now.
  const round = Math.floor(range.to / step) * step;
  const lines = linesOver(round - (range.to - range.from), round).then((found) =>
    found.every(({ frames }) => frames.length === 0) && range.to - round >= context.scrapeSeconds
      ? linesOver(range.to - step, range.to)
      : found,
  );
  const points = Promise.all(
    targets
      .filter(({ exemplar }) => exemplar === true)
      .map(async ({ expr }) => {
        const query = interpolate(expr, dashboard, choices, builtins);
        const asked = { query, start: range.from.toFixed(3), end: range.to.toFixed(3) };
        return exemplarsOf(await ask(context, "/api/v1/query_exemplars", asked));
      }),
  );
  const [found, exemplars] = await Promise.all([lines, points]);
  const frames = found.flatMap((each) => each.frames);
  return {
    frames,
    total: found.reduce((sum, { total }) => sum + total, 0),
    exemplars: exemplars.flat(),
    from: range.from,
    to: range.to,
    ...(hasPoints(frames) || (await isTold(panel, context, builtins)) ? {} : { untold: true }),
  };
}

const hasPoints = (frames: readonly Frame[]): boolean =>
  frames.some(({ values }) => values.some((value) => value !== null));

/** Asks a panel's query that is not drawn whether somebody would know of what it shows; so it is where there is no such query. */
async function isTold(panel: Panel, context: Context, builtins: Builtins): Promise<boolean> {
  const hidden = panel.targets?.find(({ hide, refId }) => hide === true && refId === "Told");
  if (hidden === undefined) return true;
  const query = interpolate(hidden.expr, context.dashboard, context.choices, builtins);
  const time = context.range.to.toFixed(3);
  return samplesOf(await ask(context, "/api/v1/query", { query, time, limit: "1" })).length > 0;
}

interface Found {
  readonly frames: readonly Frame[];
  /** Series that the query has, fetched or not. */
  readonly total: number;
}

/** How many series a query has at a moment. */
async function countOf(query: string, at: number, context: Context): Promise<number> {
  const data = await ask(context, "/api/v1/query", { query: `count(${query})`, time: at.toFixed(3) });
  return Number(samplesOf(data)[0]?.value?.[1] ?? 0);
}

/** The traced measurements of an answer; throws when it is none. */
function exemplarsOf(data: unknown): readonly Exemplar[] {
  if (!Array.isArray(data)) throw garbage();
  return (data as readonly ExemplarSeries[]).flatMap(({ seriesLabels, exemplars }) =>
    exemplars.flatMap(({ labels: { trace_id: traceId }, value, timestamp }) =>
      traceId === undefined ? [] : [{ at: timestamp, value: Number(value), traceId, labels: seriesLabels }],
    ),
  );
}

interface ExemplarSeries {
  readonly seriesLabels: Readonly<Record<string, string>>;
  readonly exemplars: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: string;
    readonly timestamp: number;
  }[];
}

function toFrame(
  panel: Panel,
  refId: string,
  legendFormat: string | undefined,
  expr: string,
  { metric, value, values }: Sample,
  grid: { readonly from: number; readonly to: number; readonly step: number },
): Frame {
  const named = nameOf(metric, legendFormat, expr);
  const config = configFor(panel, named, refId);
  const name = config.displayName === undefined || config.displayName === "" ? named : fill(config.displayName, metric);
  const base = { refId, name, labels: metric, config };
  if (value !== undefined) return { ...base, times: [value[0]], values: [numberOf(value[1])] };
  const count = Math.round((grid.to - grid.from) / grid.step) + 1;
  const all: (number | null)[] = Array.from({ length: count }, () => null);
  for (const [at, text] of values ?? []) all[Math.round((at - grid.from) / grid.step)] = numberOf(text);
  return { ...base, times: Array.from({ length: count }, (_, index) => grid.from + index * grid.step), values: all };
}

/** NaN is what Prometheus gives for 0/0: there is no value. */
const numberOf = (text: string): number | null => {
  const value = text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
  return Number.isNaN(value) ? null : value;
};

/** The values that a variable offers, without "All". Throws a QueryError when Prometheus cannot tell them. */
export async function loadVariable(variable: Variable, context: Context): Promise<readonly string[]> {
  const question = questionOf(variable);
  if (question.kind === "fixed") return question.values;
  const { dashboard, choices, range } = context;
  const builtins = { step: 60, scrape: context.scrapeSeconds, range: range.to - range.from };
  if (question.kind === "result") {
    const query = interpolate(question.expr, dashboard, choices, builtins);
    const found = samplesOf(await ask(context, "/api/v1/query", { query, time: String(range.to) }));
    return filterValues(
      [...new Set(found.map(({ metric, value }) => nameOf(metric, "", value?.[1] ?? "")))],
      variable.regex,
    );
  }
  const data = await ask(context, `/api/v1/label/${question.label}/values`, {
    start: String(Math.floor(range.from)),
    end: String(Math.ceil(range.to)),
    ...(question.match === undefined ? {} : { "match[]": interpolate(question.match, dashboard, choices, builtins) }),
  });
  if (!Array.isArray(data)) throw garbage();
  return filterValues(data.map(String).toSorted(), variable.regex);
}
