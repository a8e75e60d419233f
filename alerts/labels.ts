// The labels that an alert takes to people: all others end in Prometheus, whoever put them on a series. Every receiver is handed labels.
import type { StackConfig } from "../components/config.ts";
import { toldLabels } from "../telemetry/redact.ts";

/** With those that a person sets by `vitals:alertOverrides`. */
export const labelsTold = ({ alertOverrides }: Pick<StackConfig, "alertOverrides">): readonly string[] => [
  ...new Set([...toldLabels, ...Object.values(alertOverrides).flatMap(({ labels }) => Object.keys(labels ?? {}))]),
];
