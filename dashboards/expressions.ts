// House style of expressions: what more than one dashboard asks in the same way.
import { seconds } from "../components/units.ts";
import { recordedEvery } from "../telemetry/catalogue/recorded.ts";
import { agg, type Expr, promql, rate, sel, type Where } from "../telemetry/promql.ts";

/** How much the counter behind a recorded rate grew within the time shown. */
export const grown = <L extends string>(recorded: Expr<L>): Expr<L> =>
  promql`sum_over_time(${recorded}[$__range]) * ${seconds(recordedEvery)}` as Expr<L>;

/**
 * The lines of a selector that were the largest within the time shown, one for each `by`. The others are left out, so that the
 * legend can be read.
 */
export const largest = <L extends string, const B extends NoInfer<L>>(
  many: number,
  selector: Expr<L>,
  by: B,
): Expr<B> => {
  const overall = agg("max", promql`avg_over_time(${selector}[$__range] @ end())`, by);
  return withText(`${agg("max", selector, by).text} and on (${by}) topk(${many}, ${overall.text})`, by);
};

/** Zero where there is nothing to count but what would have counted it is there; nothing where that is gone, too: nobody knows then. */
export const noneWhile = (alive: Expr, counted: Expr): Expr<never> =>
  promql`${counted} or 0 * ${agg("sum", alive)}` as Expr<never>;

/** Lines, and while there are none one at zero whose `label` says so, as long as what would have drawn them is there. */
export const orNone = <L extends string>(alive: Expr, lines: Expr<L>, label: NoInfer<L>): Expr<L> => {
  const zero = promql`0 * ${agg("sum", alive)} unless on () ${agg("group", lines)}`;
  return withText(`(${lines.text}) or label_replace(${zero.text}, "${label}", "none", "", "")`, ...lines.labels);
};

const withText = <L extends string>(text: string, ...labels: readonly L[]): Expr<L> => ({
  text,
  labels,
  compound: true,
});

type OfProcess = Expr<"job" | "instance">;
type Process = Pick<Where<"up">, "job" | "instance">;
/** Cores that each process uses that tells of itself; Jaeger does so by names of its own. */
export const coresUsed = (where: Process = {}): OfProcess =>
  promql`${rate("process_cpu_seconds_total", "$__rate_interval", where)} or ${rate("otelcol_process_cpu_seconds_total", "$__rate_interval", where)}`;
/** Bytes of memory of the same. */
export const residentMemory = (where: Process = {}): OfProcess =>
  promql`${sel("process_resident_memory_bytes", where)} or ${sel("otelcol_process_memory_rss_bytes", where)}`;

/** The alert that always fires: while it does, rules are evaluated, and an alert that is not there does not fire. */
export const rulesRun = sel("ALERTS", { alertname: "Watchdog" });
/** How many alerts there are in a state now. */
export const countAlerts = (alerts: Expr): Expr<never> => noneWhile(rulesRun, agg("count", alerts));
/** The share of the time shown in which each alert was in a state; the one that always fires tells how often rules were evaluated. */
export const shareOfTime = <L extends string>(alerts: Expr<L>): Expr<L> =>
  promql`count_over_time(${alerts}[$__range]) / on () group_left () ${agg("max", promql`count_over_time(${rulesRun}[$__range])`)}` as Expr<L>;
