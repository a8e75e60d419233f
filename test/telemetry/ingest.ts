// What telemetry is sent to, for tests: an OTLP receiver that keeps spans, and an error ingest that speaks the envelope protocol.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** As in OTLP: 2 is a server's, 3 a client's. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly status: { readonly code: number };
}

export interface Ingest {
  readonly url: string;
  /** Bodies as they came. */
  readonly bodies: readonly string[];
  /** The status of the next answers. */
  answer: number;
  spans(): readonly Span[];
  /** The events of envelopes, each checked against the protocol. */
  events(): readonly Readonly<Record<string, unknown>>[];
  close(): Promise<void>;
}

export async function startIngest(port = 0): Promise<Ingest> {
  const bodies: { readonly path: string; readonly auth: string; readonly body: string }[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const auth = String(request.headers["x-sentry-auth"]);
    if (ingest.answer < 300) bodies.push({ path: request.url ?? "", auth, body });
    response.writeHead(ingest.answer, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const ingest: Ingest = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get bodies() {
      return bodies.map(({ body }) => body);
    },
    answer: 200,
    spans: () => bodies.filter(({ path }) => path === "/v1/traces").flatMap(({ body }) => spansIn(body)),
    events: () => bodies.filter(({ path }) => path.endsWith("/envelope/")).map(readEnvelope),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return ingest;
}

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

function spansIn(body: string): readonly Span[] {
  const { resourceSpans } = JSON.parse(body) as {
    readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly object[] }[] }[];
  };
  return resourceSpans
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    .map((span) => {
      const { attributes } = span as { readonly attributes: readonly KeyValue[] };
      const plain = attributes.map(({ key, value: { intValue, ...rest } }) => [
        key,
        intValue === undefined ? Object.values(rest)[0] : Number(intValue),
      ]);
      // OTLP leaves out what is as by default.
      return { status: { code: 0 }, ...span, attributes: Object.fromEntries(plain) } as Span;
    });
}

/** Throws when it is none. */
function readEnvelope({ auth, body }: { readonly auth: string; readonly body: string }) {
  if (!/^Sentry sentry_version=7, sentry_client=[^,]+, sentry_key=\w+$/.test(auth)) throw new Error(`auth: ${auth}`);
  const [head = "", item = "", payload = "", rest] = body.split("\n");
  const { event_id, sent_at } = JSON.parse(head);
  const { type, length } = JSON.parse(item);
  const event = JSON.parse(payload);
  if (rest !== "" || type !== "event" || length !== Buffer.byteLength(payload)) throw new Error(`item: ${item}`);
  if (!/^[0-9a-f]{32}$/.test(event_id) || event.event_id !== event_id || Number.isNaN(Date.parse(sent_at)))
    throw new Error(`head: ${head}`);
  return event as Readonly<Record<string, unknown>>;
}
