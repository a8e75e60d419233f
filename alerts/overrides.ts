// `vitals:alertOverrides`: what an environment changes of the alerts as they are written, by the alert's name.
import { nearest } from "../components/config/nearest.ts";
import type { AlertOverride } from "../components/config.ts";
import type { Problem } from "../components/errors.ts";
import { inUnit } from "./finish.ts";
import type { Alert } from "./rule.ts";

export type Overrides = Readonly<Record<string, AlertOverride>>;

/** The alert as this environment has it; undefined where it is switched off. */
export function overridden(alert: Alert, overrides: Overrides): Alert | undefined {
  const { enabled, threshold, for: wait, keepFiringFor, severity, labels } = overrides[alert.name] ?? {};
  if (enabled === false) return undefined;
  return {
    ...alert,
    ...(threshold === undefined || alert.limit === undefined
      ? {}
      : { expr: alert.limit.at(threshold), limit: { ...alert.limit, value: threshold } }),
    for: wait ?? alert.for,
    ...(keepFiringFor === undefined ? {} : { keepFiringFor }),
    severity: severity ?? alert.severity,
    labels: { ...alert.labels, ...labels },
  };
}

export interface Difference {
  readonly alert: string;
  readonly field: string;
  readonly standard: string;
  readonly here: string;
}

/** What differs from the alerts as they are written, field by field. */
export function differences(alerts: readonly Alert[], overrides: Overrides): readonly Difference[] {
  const families = new Map(alerts.map((alert) => [alert.name, alert]));
  return [...families.values()].flatMap((alert) => {
    const here = overridden(alert, overrides);
    if (here === undefined) return [{ alert: alert.name, field: "enabled", standard: "true", here: "false" }];
    const [standard, changed] = [fieldsOf(alert), fieldsOf(here)];
    return [...new Set([...Object.keys(standard), ...Object.keys(changed)])]
      .filter((field) => standard[field] !== changed[field])
      .map((field) => ({
        alert: alert.name,
        field,
        standard: standard[field] ?? "–",
        here: changed[field] ?? "–",
      }));
  });
}

const fieldsOf = (alert: Alert): Readonly<Record<string, string>> => ({
  ...(alert.limit === undefined ? {} : { threshold: inUnit(alert.limit.value, alert.unit) }),
  for: alert.for,
  ...(alert.keepFiringFor === undefined ? {} : { keepFiringFor: alert.keepFiringFor }),
  severity: alert.severity,
  ...Object.fromEntries(Object.entries(alert.labels ?? {}).map(([label, value]) => [`labels.${label}`, value])),
});

/** Labels that the stack sets itself. */
const reserved = ["alertname", "service", "severity"];

export function problemsOf(overrides: Overrides, alerts: readonly Alert[]): readonly Problem[] {
  const names = [...new Set(alerts.map(({ name }) => name))];
  return Object.entries(overrides).flatMap(([name, { labels, threshold }]): readonly Problem[] => {
    const where = `vitals:alertOverrides.${name}`;
    const alert = alerts.find((each) => each.name === name);
    if (alert === undefined)
      return [
        {
          where,
          what: "is not an alert that exists",
          remedy: nearest(name, names) ?? `Use one of: ${names.join(", ")}.`,
          // Some alerts are there only for a service with an objective.
          follows: ["vitals:services"],
        },
      ];
    const adjustable = [...new Set(alerts.filter(({ limit }) => limit !== undefined).map((each) => each.name))];
    return [
      ...(threshold !== undefined && alert.limit === undefined
        ? [
            {
              where: `${where}.threshold`,
              what: "is set, but this alert has none: it asks whether something is so, not how much",
              remedy: `Remove it; these have one: ${adjustable.join(", ")}.`,
            },
          ]
        : []),
      ...Object.keys(labels ?? {})
        .filter((label) => reserved.includes(label) || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(label))
        .map((label) => ({
          where: `${where}.labels.${label}`,
          what: reserved.includes(label) ? "is a label that the stack sets itself" : "is not a label's name",
          remedy:
            label === "severity"
              ? "Set severity beside labels."
              : "Choose another label; letters, digits and _ are allowed.",
        })),
    ];
  });
}
