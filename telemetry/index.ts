// What a service imports to be observed: typed metrics, log lines and the allow-list behind them.
export type { Row, Rows } from "./catalogue/row.ts";
export { createLog, type Level, type Log, type Message } from "./log.ts";
export { createMetrics, type LabelsOf, type Metrics, oneOf, type Sample } from "./metrics.ts";
export { type AttributeName, type Attributes, redact } from "./redact.ts";
