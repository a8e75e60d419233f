// Traces as Jaeger's API shows them.

export interface Trace {
  readonly traceID: string;
  readonly spans: readonly {
    readonly spanID: string;
    readonly operationName: string;
    readonly processID: string;
    readonly references: readonly { readonly spanID: string }[];
    readonly tags: readonly { readonly key: string; readonly value: unknown }[];
  }[];
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
}

/** Undefined when Jaeger at `api` does not have it. */
export async function readTrace(api: string, traceId: string): Promise<Trace | undefined> {
  const response = await fetch(`${api}/api/traces/${traceId}`);
  if (!response.ok) return undefined;
  const { data } = (await response.json()) as { readonly data: readonly Trace[] };
  return data[0];
}

/** Each span with the names of those that it is a part of, the outermost first. */
export function pathsOf({ spans, processes }: Trace): readonly string[] {
  const name = (span: Trace["spans"][number]): string =>
    `${processes[span.processID]?.serviceName} ${span.operationName}`;
  const path = (span: Trace["spans"][number]): string => {
    const parent = spans.find(({ spanID }) => spanID === span.references[0]?.spanID);
    return parent === undefined ? name(span) : `${path(parent)} > ${name(span)}`;
  };
  return spans.map(path).toSorted();
}

/** What its spans say, such as `cache=patients`. */
export const tagsOf = ({ spans }: Trace): readonly string[] =>
  spans.flatMap(({ tags }) => tags.map(({ key, value }) => `${key}=${value}`));

/** The ids of the traces that are exemplars of a query in Prometheus at `prometheus`, of the last minute. */
export async function exemplarsOf(prometheus: string, query: string): Promise<readonly string[]> {
  const range = { start: `${Date.now() / 1_000 - 60}`, end: `${Date.now() / 1_000 + 1}` };
  const response = await fetch(`${prometheus}/api/v1/query_exemplars?${new URLSearchParams({ query, ...range })}`);
  // It answers 503 until it is ready.
  if (!response.ok) return [];
  const { data } = (await response.json()) as {
    readonly data: readonly { readonly exemplars: readonly { readonly labels: { readonly trace_id: string } }[] }[];
  };
  return data.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id));
}
