// House style of variables: the environment, which every dashboard has, and choices among a label's values.
import { type LabelOf, type Series, sel, type Where } from "../telemetry/promql.ts";
import type { Variable } from "./grafana.ts";

/**
 * Which environment is shown: the Prometheus of this one, until somebody whose Grafana has those of several chooses another.
 * The name is that of our data source.
 */
export const environmentVariable: Variable = {
  type: "datasource",
  name: "environment",
  label: "Environment",
  description: "The Prometheus of the environment that the panels show.",
  query: "prometheus",
  multi: false,
  includeAll: false,
  current: { selected: true, text: "Prometheus", value: "prometheus" },
};

export const datasource = { type: "prometheus", uid: `$${environmentVariable.name}` } as const;

/** A variable whose values are a label's values, of those series of the metric that `where` selects. */
export const labelVariable = <S extends Series>(spec: {
  readonly name: NoInfer<LabelOf<S>>;
  readonly label: string;
  readonly description: string;
  readonly metric: S;
  readonly where?: NoInfer<Where<S>>;
}): Variable => ({
  type: "query",
  name: spec.name,
  label: spec.label,
  description: spec.description,
  datasource,
  query: { query: `label_values(${sel(spec.metric, spec.where).text}, ${spec.name})`, refId: spec.name },
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  allValue: ".*",
  current: { selected: true, text: ["All"], value: ["$__all"] },
});

/** Which replicas are shown; `metric` is one that each of them has. */
export const instanceVariable = <S extends Series>(metric: S, description: string, where?: Where<S>): Variable =>
  labelVariable<Series>({
    name: "instance" as LabelOf<Series>,
    label: "Instance",
    description,
    metric,
    ...(where === undefined ? {} : { where: where as Where<Series> }),
  });

export const chosenInstance = { instance: { matches: "$instance" } } as const;
