// What a service imports to be observed: typed metrics, spans, log lines, error reports, and the allow-list behind them.
export type { Row, Rows } from "./catalogue/row.ts";
export { observePool } from "./database.ts";
export { createLog, type Level, type Log, type Message } from "./log.ts";
export { createMetrics, type LabelsOf, type Metrics, oneOf, type Sample } from "./metrics.ts";
export { type AttributeName, type Attributes, redact } from "./redact.ts";
export { createTelemetry, type ServiceTelemetry, type Telemetry, type TelemetryOptions } from "./service.ts";
