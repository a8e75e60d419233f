// The labels that an alert takes to people: all others end in Prometheus, whoever put them on a series. Every receiver is handed labels.
import type { StackConfig } from "../components/config.ts";

/** Names that the stack, its settings, our programs or a database's own catalogue give to things; never what tells of a person. */
const names = [
  ...["alertname", "severity", "owner", "service", "window", "environment", "job", "instance"],
  ...["database", "collector", "target", "schema", "sequence", "slot", "cache", "namespace", "upstream"],
  ...["integration", "cause", "source", "alertmanager", "rule_group", "receiver", "transport", "exporter"],
] as const;

/** With those that a person sets by `vitals:alertOverrides`. */
export const labelsTold = ({ alertOverrides }: Pick<StackConfig, "alertOverrides">): readonly string[] => [
  ...new Set([...names, ...Object.values(alertOverrides).flatMap(({ labels }) => Object.keys(labels ?? {}))]),
];
