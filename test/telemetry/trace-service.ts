// OTLP's trace service as opentelemetry-proto 1 describes it, of what our spans have, and read by protobuf.js.
import protobuf from "protobufjs";

const { root } = protobuf.parse(`
  syntax = "proto3";
  message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
  message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
  message ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; string schema_url = 3; }
  message InstrumentationScope { string name = 1; string version = 2; }
  message Span {
    bytes trace_id = 1;
    bytes span_id = 2;
    string trace_state = 3;
    bytes parent_span_id = 4;
    fixed32 flags = 16;
    string name = 5;
    int32 kind = 6;
    fixed64 start_time_unix_nano = 7;
    fixed64 end_time_unix_nano = 8;
    repeated KeyValue attributes = 9;
    repeated Event events = 11;
    repeated Link links = 13;
    Status status = 15;
  }
  message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; }
  message Link { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; repeated KeyValue attributes = 4; }
  message Status { string message = 2; int32 code = 3; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue {
    oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; }
  }
`);
const request = root.lookupType("ExportTraceServiceRequest");

/** Ids are hexadecimal digits, times nanoseconds as decimal digits. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** As in OTLP: 2 is a server's, 3 a client's. */
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: { readonly code: number };
}

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

export interface Export {
  readonly resource: Readonly<Record<string, unknown>>;
  readonly scope: string;
  readonly spans: readonly Span[];
}

/** What a service exported at once. Throws when it is none. */
export function readExport(body: Buffer): Export {
  const { resourceSpans } = request.toObject(request.decode(body), { longs: String }) as {
    readonly resourceSpans: readonly [
      {
        readonly resource: { readonly attributes: readonly KeyValue[] };
        readonly scopeSpans: readonly [
          { readonly scope: { readonly name: string }; readonly spans: readonly object[] },
        ];
      },
    ];
  };
  const [{ resource, scopeSpans }, ...others] = resourceSpans;
  const [{ scope, spans }, ...more] = scopeSpans;
  if (others.length + more.length > 0) throw new Error("more than one resource, or more than one scope");
  return { resource: plain(resource.attributes), scope: scope.name, spans: spans.map(spanOf) };
}

type Raw = Omit<Span, "traceId" | "spanId" | "parentSpanId" | "attributes" | "links" | "status"> & {
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly parentSpanId?: Buffer;
  readonly attributes?: readonly KeyValue[];
  readonly links?: readonly { readonly traceId: Buffer; readonly spanId: Buffer }[];
  readonly status?: Span["status"];
};

function spanOf(span: object): Span {
  const { traceId, spanId, parentSpanId, attributes = [], links, status, ...rest } = span as Raw;
  return {
    ...rest,
    // Protobuf leaves out what is as by default.
    status: { code: 0, ...status },
    ...ids({ traceId, spanId }),
    ...(parentSpanId && { parentSpanId: parentSpanId.toString("hex") }),
    attributes: plain(attributes),
    ...(links && { links: links.map(ids) }),
  };
}

const ids = ({ traceId, spanId }: { readonly traceId: Buffer; readonly spanId: Buffer }) => ({
  traceId: traceId.toString("hex"),
  spanId: spanId.toString("hex"),
});

const plain = (attributes: readonly KeyValue[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    attributes.map(({ key, value: { intValue, ...rest } }) => [
      key,
      intValue === undefined ? Object.values(rest)[0] : Number(intValue),
    ]),
  );
