// Questions to the viewer's server and through it to Prometheus; every failure has a sentence that a person can use.
import { configFor, fill, nameOf } from "./fields.ts";
import type { Dashboard, Exemplar, Frame, Mark, Panel, PanelData, Variable } from "./model.ts";
import { type Range, seconds, stepOf } from "./time.ts";
import { type Builtins, type Choices, filterValues, interpolate, questionOf } from "./variables.ts";

export class QueryError extends Error {
  readonly kind: string;

  constructor(kind: string, message: string) {
    super(message);
    this.name = "QueryError";
    this.kind = kind;
  }
}

/** How long the page itself waits; the server's own deadline is shorter and says more. */
const patienceMs = 40_000;

export interface Context {
  readonly dashboard: Dashboard;
  readonly choices: Choices;
  readonly range: Range;
  readonly scrapeSeconds: number;
  readonly signal: AbortSignal;
  /** What the charts mark besides what they show. */
  readonly marks?: Promise<readonly Mark[]>;
  /** How the page reaches a path of the API. */
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
}

interface Answer {
  readonly status?: unknown;
  readonly data?: unknown;
  readonly error?: unknown;
  readonly errorType?: unknown;
}

const sentences: Readonly<Record<string, string>> = {
  unreachable: "Prometheus cannot be reached.",
  timeout: "Prometheus takes too long to answer. A shorter time range may help.",
  garbage: "What answers at Prometheus' address is not Prometheus.",
  too_large: "The answer is too large. Choose a shorter time range.",
  busy: "Too many queries at once; the next refresh tries again.",
};

/** One question to Prometheus' HTTP API. */
export async function ask(
  context: Pick<Context, "fetch" | "signal">,
  path: string,
  parameters: Readonly<Record<string, string>>,
): Promise<unknown> {
  const answer = await fetchAnswer(context, path, parameters);
  if (answer.status === "success") return answer.data;
  const kind = typeof answer.errorType === "string" ? answer.errorType : "garbage";
  throw new QueryError(
    kind,
    sentences[kind] ?? `Prometheus refuses the query: ${String(answer.error ?? "no reason given")}`,
  );
}

async function fetchAnswer(
  { fetch, signal }: Pick<Context, "fetch" | "signal">,
  path: string,
  parameters: Readonly<Record<string, string>>,
): Promise<Answer> {
  try {
    const response = await fetch(path, {
      method: "POST",
      body: new URLSearchParams(parameters),
      signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
    });
    const answer: unknown = await response.json();
    if (typeof answer !== "object" || answer === null) throw new SyntaxError();
    return answer;
  } catch (error) {
    if (signal.aborted) throw error;
    if (error instanceof SyntaxError) throw new QueryError("garbage", sentences.garbage as string);
    if (error instanceof Error && error.name === "TimeoutError")
      throw new QueryError("timeout", sentences.timeout as string);
    throw new QueryError("viewer", "The viewer itself does not answer.");
  }
}

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: readonly [number, string];
  readonly values?: readonly (readonly [number, string])[];
}

/** The samples of a result; throws when it is none. */
export function samplesOf(data: unknown): readonly Sample[] {
  const { resultType, result } = (data ?? {}) as { resultType?: unknown; result?: unknown };
  if (resultType === "scalar" && Array.isArray(result))
    return [{ metric: {}, value: result as unknown as [number, string] }];
  if ((resultType !== "vector" && resultType !== "matrix") || !Array.isArray(result))
    throw new QueryError("garbage", sentences.garbage as string);
  return result as readonly Sample[];
}

export const builtinsOf = (panel: Panel, range: Range, points: number, scrapeSeconds: number): Builtins => {
  const scrape = seconds(panel.interval ?? "") ?? scrapeSeconds;
  return { step: stepOf(range, points, scrape), scrape, range: range.to - range.from };
};

/** Everything that a panel shows, asked anew. */
export async function loadPanel(panel: Panel, context: Context, width: number): Promise<PanelData> {
  const { range, dashboard, choices } = context;
  const builtins = builtinsOf(panel, range, Math.max(60, width / 2), context.scrapeSeconds);
  const { step } = builtins;
  const targets = (panel.targets ?? []).filter(({ hide }) => hide !== true);
  const linesTo = async (to: number): Promise<readonly Frame[]> => {
    const grid = { from: to - Math.ceil((range.to - range.from) / step) * step, to, step };
    const lines = targets.map(async (target): Promise<readonly Frame[]> => {
      const query = interpolate(target.expr, dashboard, choices, builtins);
      const asked = { query, start: String(grid.from), end: String(grid.to), step: String(step) };
      const data =
        target.instant === true
          ? await ask(context, "/api/v1/query", { query, time: range.to.toFixed(3) })
          : await ask(context, "/api/v1/query_range", asked);
      return samplesOf(data).map((sample) =>
        toFrame(panel, target.refId, target.legendFormat, target.expr, sample, grid),
      );
    });
    return (await Promise.all(lines)).flat();
  };
  // Points at round times keep a line's shape from refresh to refresh; what is younger than the last of them shows by points that end now.
  const round = Math.floor(range.to / step) * step;
  const lines = linesTo(round).then((found) =>
    found.length === 0 && range.to - round >= context.scrapeSeconds ? linesTo(range.to) : found,
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
  const [frames, exemplars] = await Promise.all([lines, points]);
  const marks = (await context.marks) ?? [];
  return { frames: frames.flat(), exemplars: exemplars.flat(), from: range.from, to: range.to, marks };
}

/** The traced measurements of an answer; throws when it is none. */
function exemplarsOf(data: unknown): readonly Exemplar[] {
  if (!Array.isArray(data)) throw new QueryError("garbage", sentences.garbage as string);
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

/** The values that a variable offers, without "All". */
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
  const parameters = new URLSearchParams({ start: String(Math.floor(range.from)), end: String(Math.ceil(range.to)) });
  if (question.match !== undefined)
    parameters.set("match[]", interpolate(question.match, dashboard, choices, builtins));
  const response = await context.fetch(`/api/v1/label/${question.label}/values?${parameters}`, {
    signal: context.signal,
  });
  const { data } = (await response.json()) as { data?: unknown };
  return filterValues(Array.isArray(data) ? data.map(String).toSorted() : [], variable.regex);
}
