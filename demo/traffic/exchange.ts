// One HTTP exchange with a deadline over kept connections. Node's own client: `fetch` would double this small program's memory.
import { Agent, request } from "../../components/http.ts";

export interface Answer {
  readonly status: number;
  /** The answer as JSON; undefined when it was not asked for or is none. */
  readonly json: unknown;
}

export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly body?: object;
  readonly authorization?: string;
  /** Whether the answer's body is wanted. */
  readonly read?: boolean;
}

export interface Client {
  /** Rejects when there is no whole answer within the deadline. */
  send(exchange: Exchange): Promise<Answer>;
  /** Ends open exchanges too. */
  close(): void;
}

const mostAnswerBytes = 1_048_576;

export function createClient(deadlineMilliseconds: number, mostOpen: number): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: mostOpen });
  const send = ({ method, url, body, authorization, read = false }: Exchange): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        ...(text === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
        ...(authorization === undefined ? {} : { authorization }),
      };
      const outgoing = request(url, { method, agent, headers }, (incoming) => {
        let received = "";
        incoming.setEncoding("utf8");
        incoming.on("data", (part: string) => {
          if (read && received.length < mostAnswerBytes) received += part;
        });
        incoming.on("end", () => {
          clearTimeout(deadline);
          if (!incoming.complete) reject(new Error("the answer broke off"));
          else resolve({ status: incoming.statusCode ?? 0, json: read ? parse(received) : undefined });
        });
        incoming.on("error", (error) => {
          clearTimeout(deadline);
          reject(error);
        });
      });
      const deadline = setTimeout(() => outgoing.destroy(new Error("no answer in time")), deadlineMilliseconds);
      outgoing.on("error", (error) => {
        clearTimeout(deadline);
        reject(error);
      });
      outgoing.end(text);
    });
  return { send, close: () => agent.destroy() };
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
