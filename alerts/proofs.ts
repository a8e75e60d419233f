// Proofs -> a promtool unit-test file. `firing` is asked of ALERTS, so that time, `for` and recovery are what is tested.
import type { Tree, Value } from "../components/spec.ts";
import type { Duration } from "../components/units.ts";
import { type Finished, toRule } from "./finish.ts";
import { restartProofs } from "./restarts.ts";
import { fillLabels, fillValue, type Given, type Labels, type Proof } from "./rule.ts";

const defaultStep: Duration = "15s";

/** One test file for a file of rules; `step` is the time between two evaluations. */
export const testFile = (rulesFile: string, finished: readonly Finished[], step: Duration = defaultStep): Tree => ({
  rule_files: [rulesFile],
  evaluation_interval: step,
  tests: finished.flatMap((each) =>
    [...each.alert.proofs, ...restartProofs(each.alert, step)].map((proof) => toTest(each, proof, step)),
  ),
});

/** The rules of one alert alone, as a rule file. */
export const singleRuleFile = (finished: Finished): Tree => ({
  groups: [{ name: "alone", rules: [toRule(finished)] }],
});

function toTest(finished: Finished, proof: Proof, step: Duration): Tree {
  const { alert, labels } = finished;
  return {
    name: `${alert.name} ${alert.service}: ${proof.says}`,
    interval: proof.step ?? step,
    input_series: proof.given.map(toSeries),
    promql_expr_test: Object.entries(proof.firing).map(([time, firing]) => ({
      expr: firingOf(alert.name, labels),
      eval_time: time,
      exp_samples: (firing ?? []).map((own) => ({ labels: sample(expected(finished, own)), value: 1 })),
    })),
    ...(proof.text === undefined ? {} : { alert_rule_test: [toTextTest(finished, proof, proof.text)] }),
  };
}

function toTextTest(finished: Finished, proof: Proof, text: NonNullable<Proof["text"]>): Tree {
  const own = proof.firing[text.at]?.[0] ?? {};
  const annotations: Record<string, Value> = {
    // References to pages have templates in their paths.
    ...(JSON.parse(fillLabels(JSON.stringify(finished.annotations), own)) as Finished["annotations"]),
    ...told(finished, text.value),
    summary: text.summary,
  };
  return {
    eval_time: text.at,
    alertname: finished.alert.name,
    exp_alerts: [{ exp_labels: { ...own, ...filled(finished, own) }, exp_annotations: annotations }],
  };
}

/** What is said of the value. */
const told = ({ annotations }: Finished, value = ""): Labels =>
  Object.fromEntries(
    ["value", "reading"].flatMap((name) => {
      const template = annotations[name];
      return typeof template === "string" ? [[name, fillValue(template, value)]] : [];
    }),
  );

export const toSeries = ({ series, labels, values }: Given): Tree => ({
  series: `${series}${selector(labels)}`,
  values,
});

/** Selects this rule's alerts: the labels that are no templates set the members of a family apart. */
const firingOf = (name: string, labels: Labels): string => {
  const fixed = Object.entries(labels).filter(([, value]) => !value.includes("{{"));
  return `ALERTS${selector({ alertname: name, alertstate: "firing", ...Object.fromEntries(fixed) })}`;
};

const filled = ({ labels }: Finished, own: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).map(([label, value]) => [label, fillLabels(value, own)]));

const expected = (finished: Finished, own: Labels): Labels => ({
  alertname: finished.alert.name,
  alertstate: "firing",
  ...own,
  ...filled(finished, own),
});

const sample = (labels: Labels): string => `ALERTS${selector(labels)}`;

export const selector = (labels: Labels): string =>
  `{${Object.entries(labels)
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
    .join(", ")}}`;
