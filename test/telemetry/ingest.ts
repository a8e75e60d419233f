// What telemetry is sent to, for tests: an OTLP receiver that keeps spans, and an error ingest that speaks the envelope protocol.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { readExport, type Span } from "./trace-service.ts";

export interface Ingest {
  readonly url: string;
  /** Bodies as they came. Of a span's fields, those that are texts can be searched. */
  readonly bodies: readonly string[];
  /** The status of the next answers. */
  answer: number;
  spans(): readonly Span[];
  /** The events of envelopes, each checked against the protocol. */
  events(): readonly Readonly<Record<string, unknown>>[];
  close(): Promise<void>;
}

export async function startIngest(port = 0): Promise<Ingest> {
  const bodies: { readonly path: string; readonly auth: string; readonly body: Buffer }[] = [];
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    const auth = String(request.headers["x-sentry-auth"]);
    const type = request.url === "/v1/traces" ? "application/x-protobuf" : "application/x-sentry-envelope";
    const status = request.headers["content-type"] === type ? ingest.answer : 415;
    if (status < 300) bodies.push({ path: request.url ?? "", auth, body });
    response.writeHead(status, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const ingest: Ingest = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get bodies() {
      return bodies.map(({ body }) => body.toString());
    },
    answer: 200,
    spans: () => bodies.filter(({ path }) => path === "/v1/traces").flatMap(({ body }) => readExport(body).spans),
    events: () =>
      bodies
        .filter(({ path }) => path.endsWith("/envelope/"))
        .map(({ auth, body }) => readEnvelope(auth, body.toString())),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return ingest;
}

/** Throws when it is none. */
function readEnvelope(auth: string, body: string) {
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
