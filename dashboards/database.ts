// What the dashboards of databases share: which databases are chosen, and how several exporters of the same one are read.
import {
  agg,
  type CounterSeries,
  type Expr,
  type LabelOf,
  promql,
  rate,
  type Series,
  sel,
} from "../telemetry/promql.ts";
import { type Common, query, timeSeries } from "./panels.ts";
import { labelVariable } from "./variables.ts";

type DatabaseSeries = { [S in Series]: "database" extends LabelOf<S> ? S : never }[Series];
type Known<S extends Series> = Extract<Series, S>;
type Up = Known<"pg_up" | "redis_up">;
type DatabaseCounter = Extract<CounterSeries, DatabaseSeries>;

/** The variable `database`; `metric` is one that every database of the kind has. */
export const databaseVariable = (metric: Up) =>
  labelVariable({ name: "database", label: "Database", description: "The databases that the panels show.", metric });

export const chosen = { database: { matches: "$database" } } as const;
const window = "$__rate_interval";

/** `max`: two exporters that watch the same server say the same. */
export const worst = (series: DatabaseSeries): Expr<"database"> => agg("max", sel(series, chosen), "database");
export const perSecond = (series: DatabaseCounter): Expr<"database"> =>
  agg("max", rate(series, window, chosen), "database");
/** How much a counter grew within the time shown, all databases together. */
export const within = (series: DatabaseCounter): Expr<never> =>
  agg("sum", agg("max", promql`increase(${sel(series, chosen)}[$__range])`, "database"));
/** How many databases do not answer. */
export const notAnswering = (up: Up): Expr<never> => agg("sum", promql`${worst(up)} == bool 0`);

/** One line per database and per word, which says what the expression is. */
export const lines = (
  key: string,
  of: Readonly<Record<string, Expr<"database">>>,
  spec: Omit<Common, "queries"> & { readonly showThresholds?: boolean },
) =>
  timeSeries(key, {
    ...spec,
    queries: Object.entries(of).map(([word, expr]) => query(expr, `{{database}} ${word}`.trim() as "{{database}}")),
  });
