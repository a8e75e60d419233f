// One HTTP request with limits: address judged at every hop, body capped, redirects counted, credentials kept to their origin.
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { request } from "../../components/http.ts";
import { type Opening, openSocket, secure } from "./connect.ts";
import { ProbeError } from "./probe.ts";

export interface Ask {
  readonly url: string;
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  readonly allow: readonly string[];
  /** How many redirects are followed; one more is an answer like any other. */
  readonly redirects?: number;
  /** Bytes of the body that are read; what lies beyond is left out. */
  readonly largest: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body was longer than what is read. */
  readonly cut: boolean;
}

export async function exchange(ask: Ask, opening: Opening): Promise<Answer> {
  let { url, headers = {} } = ask;
  for (let left = ask.redirects ?? 0; ; left--) {
    const answer = await one(new URL(url), headers, ask, opening);
    const { location } = answer.headers;
    if (left <= 0 || location === undefined || ![301, 302, 303, 307, 308].includes(answer.status)) return answer;
    const next = URL.canParse(location, url) ? new URL(location, url) : undefined;
    if (next === undefined || !/^https?:$/.test(next.protocol)) throw new ProbeError("assertion");
    const { origin } = new URL(url);
    if (next.origin !== origin) {
      headers = {};
      next.username = "";
      next.password = "";
    }
    url = next.href;
  }
}

async function one(
  { protocol, hostname, port, pathname, search, host, username, password }: URL,
  headers: Readonly<Record<string, string>>,
  { method = "GET", allow, largest }: Ask,
  opening: Opening,
): Promise<Answer> {
  const { clock } = opening;
  const isSecure = protocol === "https:";
  const name = hostname.replace(/^\[(.*)\]$/, "$1");
  const plain = await openSocket({ host: name, port: Number(port) || (isSecure ? 443 : 80), allow }, opening);
  const socket = isSecure ? await secure(plain, name, opening, ["http/1.1"]) : plain;
  try {
    clock.begin("request");
    const response = await send(socket, () => clock.begin("first_byte"), {
      method,
      host: name,
      path: `${pathname}${search}`,
      headers: { host, "user-agent": "vitals-integration-health", accept: "*/*", ...headers, connection: "close" },
      ...(username === "" ? {} : { auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` }),
    });
    clock.begin("transfer");
    const { body, cut } = await read(response, largest);
    return { status: response.statusCode ?? 0, headers: response.headers, body, cut };
  } finally {
    socket.destroy();
  }
}

const send = (
  socket: Socket,
  written: () => void,
  options: Parameters<typeof request>[1] & object,
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const sent = request({ ...options, createConnection: () => socket });
    sent.once("finish", written);
    sent.once("response", resolve);
    sent.on("error", reject);
    sent.end();
  });

/** Reads to the end or to the limit. */
const read = (response: IncomingMessage, largest: number): Promise<{ readonly body: Buffer; readonly cut: boolean }> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (cut: boolean): void => resolve({ body: Buffer.concat(chunks).subarray(0, largest), cut });
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size <= largest) return;
      response.destroy();
      done(true);
    });
    response.once("end", () => done(false));
    response.once("error", reject);
    response.once("close", () => reject(Object.assign(new Error("closed"), { code: "ECONNRESET" })));
  });
