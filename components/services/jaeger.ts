// Traces: Jaeger v2, OTLP in. Only what is listed here listens: no AI or MCP endpoint, no zpages, no expvar.
import type { StackConfig } from "../config.ts";
import {
  dir,
  file,
  hostAndPort,
  listen,
  listenHost,
  listenPort,
  type ServiceSpec,
  secret,
  type Tree,
} from "../spec.ts";
import { bytes } from "../units.ts";
import { versions } from "../versions.ts";
import { sized } from "./sizes.ts";

const traceTtl = "72h";

/** Every trace that takes at least as long is kept. */
const slowMilliseconds = 500;

const caPath = "/etc/jaeger/opensearch-ca.pem";

export const jaeger = (config: StackConfig): ServiceSpec => ({
  name: "jaeger",
  about: "traces",
  owner: "platform",
  version: versions.jaeger.version,
  artifact: { tool: "jaeger", image: versions.jaeger.image },
  user: { uid: 10001, gid: 10001 },
  args: ["--config", file("/etc/jaeger/config.yaml")],
  files: {
    "/etc/jaeger/config.yaml": { apply: "restart", content: { yaml: collector(config) } },
    ...(config.opensearch?.ca === undefined
      ? {}
      : { [caPath]: { apply: "restart", content: { text: config.opensearch.ca } } }),
  },
  verify: [{ tool: "jaeger", args: ["validate", "--config", file("/etc/jaeger/config.yaml")] }],
  ...keeping(config),
  ports: {
    web: { number: 16686, scope: "host", title: "traces" },
    query: { number: 16685 },
    "otlp-grpc": { number: 4317, scope: "platform" },
    "otlp-http": { number: 4318, scope: "platform" },
    metrics: { number: 8888 },
    spans: { number: 8889 },
    status: { number: 13133 },
  },
  ready: { http: "status", path: "/status" },
  alive: { http: "status", path: "/status" },
  metrics: [{ port: "metrics" }, { port: "spans" }],
  resources: sized(config, "jaeger").resources,
});

/** What it keeps itself stays with it; what OpenSearch keeps, any replica reads and writes. */
const keeping = (config: StackConfig): Pick<ServiceSpec, "kind" | "volumes" | "replicas" | "egress"> => {
  const { replicas, storage: size = "10GiB" } = sized(config, "jaeger");
  return config.opensearch === undefined
    ? { kind: "stateful", volumes: { traces: { path: "/badger", size } } }
    : { kind: "service", replicas, egress: config.opensearch.urls.map(hostAndPort) };
};

const collector = (config: StackConfig): Tree => ({
  service: {
    extensions: ["jaeger_storage", "jaeger_query", "healthcheckv2"],
    pipelines: {
      traces: {
        receivers: ["otlp"],
        processors: ["memory_limiter", ...(choosy(config) ? ["tail_sampling"] : []), "batch"],
        exporters: ["jaeger_storage_exporter"],
      },
      // Of every span that arrives, whatever becomes of its trace.
      "traces/measured": { receivers: ["otlp"], processors: ["memory_limiter"], exporters: ["spanmetrics"] },
      metrics: { receivers: ["spanmetrics"], exporters: ["prometheus"] },
    },
    telemetry: {
      resource: { "service.name": "jaeger" },
      metrics: {
        level: "normal",
        readers: [{ pull: { exporter: { prometheus: { host: listenHost("metrics"), port: listenPort("metrics") } } } }],
      },
      logs: { level: "warn" },
    },
  },
  extensions: {
    healthcheckv2: { use_v2: true, http: { endpoint: listen("status") } },
    jaeger_query: {
      storage: { traces: "main" },
      http: { endpoint: listen("web") },
      grpc: { endpoint: listen("query") },
    },
    jaeger_storage: { backends: { main: storage(config) } },
  },
  receivers: {
    otlp: { protocols: { grpc: { endpoint: listen("otlp-grpc") }, http: { endpoint: listen("otlp-http") } } },
  },
  processors: {
    batch: {},
    memory_limiter: memoryLimiter(config),
    ...(choosy(config) ? { tail_sampling: tailSampling(config) } : {}),
  },
  connectors: { spanmetrics: spanMetrics },
  exporters: {
    jaeger_storage_exporter: { trace_storage: "main" },
    prometheus: { endpoint: listen("spans"), enable_open_metrics: true, metric_expiration: forgottenAfter },
  },
});

/** What a service no longer sends is no series any more. */
const forgottenAfter = "15m";

/** `traces_span_metrics_*`: how many spans, and how long they took, by service and name; each bucket with a trace as its exemplar. */
const spanMetrics: Tree = {
  histogram: {
    unit: "s",
    explicit: { buckets: ["5ms", "25ms", "100ms", "250ms", "500ms", "1s", "2500ms", "5s", "10s"] },
  },
  exemplars: { enabled: true },
  metrics_flush_interval: "15s",
  metrics_expiration: forgottenAfter,
  // A service that makes up names of spans gets one more series, not one for each.
  aggregation_cardinality_limit: 1_000,
};

const storage = ({ jaegerStorage, opensearch }: StackConfig): Tree => {
  if (opensearch !== undefined) return { opensearch: backend(opensearch) };
  return jaegerStorage === "memory"
    ? { memory: { max_traces: 50_000 } }
    : {
        badger: {
          directories: { keys: dir("traces"), values: dir("traces") },
          ephemeral: false,
          ttl: { spans: traceTtl },
        },
      };
};

/** How long traces stay there is its own business: an index a day, which a policy of OpenSearch deletes. */
const backend = ({ urls, user, passwordSecret, indexPrefix, ca }: NonNullable<StackConfig["opensearch"]>): Tree => ({
  server_urls: urls,
  auth: { basic: { username: user, password_file: secret(passwordSecret, "path") } },
  indices: { index_prefix: indexPrefix },
  ...(ca === undefined ? {} : { tls: { ca_file: file(caPath) } }),
});

const choosy = ({ tracesKept }: StackConfig): boolean => tracesKept < 100;

/** Services send every trace; which are kept is decided here, when all is known of one: errors, slow ones, and a share of the rest. */
const tailSampling = ({ tracesKept }: StackConfig): Tree => ({
  decision_wait: "5s",
  num_traces: 20_000,
  // Late spans of a trace share its fate.
  decision_cache: { sampled_cache_size: 20_000, non_sampled_cache_size: 20_000 },
  policies: [
    { name: "errors", type: "status_code", status_code: { status_codes: ["ERROR"] } },
    { name: "slow", type: "latency", latency: { threshold_ms: slowMilliseconds } },
    { name: "share", type: "probabilistic", probabilistic: { sampling_percentage: tracesKept } },
  ],
});

/** Spans are refused before the memory ends: at three quarters of it. */
function memoryLimiter(config: StackConfig): Tree {
  const most = bytes(sized(config, "jaeger").resources.maxMemory) / 2 ** 20;
  return { check_interval: "1s", limit_mib: Math.floor(most * 0.75), spike_limit_mib: Math.floor(most / 8) };
}
