// One request to an API server: its status, its body, its warnings. Node's fetch knows no certificate of a test.
import { type Agent, request } from "node:https";

/** What a server holds: a manifest with the server's own fields. Tests read it freely. */
// biome-ignore lint/suspicious/noExplicitAny: the shape of an object is the server's business.
export type KubeObject = any;

/** An array is a header that is sent several times. */
export type Headers = Readonly<Record<string, string | readonly string[]>>;

/** The API server's refusal. */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.reason = reason;
  }
}

export interface Endpoint {
  readonly port: number;
  readonly token: string;
  /** The certificate that the server shows, for the name `localhost`. */
  readonly ca: string;
}

export interface Answer {
  readonly status: number;
  readonly body: KubeObject;
  readonly warnings: readonly string[];
}

export function exchange(
  { port, token }: Endpoint,
  agent: Agent,
  method: string,
  path: string,
  body: unknown,
  headers: Headers,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        agent,
        host: "127.0.0.1",
        port,
        method,
        path,
        headers: { ...headers, authorization: `Bearer ${token}`, accept: "application/json" } as Record<
          string,
          string | string[]
        >,
        signal: AbortSignal.timeout(60_000),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", reject);
        response.once("end", () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = response.headers["content-type"]?.startsWith("application/json") === true;
          const warnings = (response.headersDistinct.warning ?? []).map(warningText);
          resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text, warnings });
        });
      },
    );
    sent.once("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** `299 - "text"` -> text. */
const warningText = (header: string): string =>
  /^\d{3} \S+ "(.*)"$/s.exec(header)?.[1]?.replaceAll(/\\(.)/g, "$1") ?? header;
