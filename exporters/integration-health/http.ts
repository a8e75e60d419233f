// The probe kind `http`: a GET answers with an expected status. Redirects are answers, not followed; bodies are read to a limit.
import type { ClientRequest, IncomingMessage } from "node:http";
import { isIP, type Socket } from "node:net";
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import { request } from "../../components/http.ts";
import type { ProbeCause } from "../../telemetry/catalogue/integrations.ts";
import type { HttpTarget } from "./config.ts";
import { happened, openSocket } from "./connect.ts";
import { type Findings, type PhaseClock, type Probe, ProbeError } from "./probe.ts";

const largestBody = 2 ** 20;

export const httpProbe: Probe<HttpTarget> = async ({ url, expectStatus }, { signal, clock, found }) => {
  const { protocol, hostname, port, pathname, search, host, username, password } = new URL(url);
  const secure = protocol === "https:";
  const name = hostname.replace(/^\[(.*)\]$/, "$1");
  const plain = await openSocket({ host: name, port: Number(port) || (secure ? 443 : 80) }, signal, clock);
  const socket = secure ? await handshake(plain, name, clock, found) : plain;
  clock.begin("request");
  const sent = request({
    createConnection: () => socket,
    host: name,
    path: `${pathname}${search}`,
    headers: { host, "user-agent": "vitals-integration-health", accept: "*/*", connection: "close" },
    ...(username === "" ? {} : { auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` }),
  });
  try {
    const response = await exchange(sent, clock);
    clock.begin("transfer");
    await drain(response);
    const cause = judge(response.statusCode ?? 0, expectStatus);
    if (cause !== undefined) throw new ProbeError(cause);
  } finally {
    socket.destroy();
  }
};

/** The certificate is read before it is judged, so that its expiry is known of a refused one too. */
async function handshake(plain: Socket, name: string, clock: PhaseClock, found: Findings): Promise<TLSSocket> {
  clock.begin("tls");
  const socket = tlsConnect({
    socket: plain,
    host: name,
    // An address is not allowed there; the certificate is then judged by the host.
    servername: isIP(name) === 0 ? name : "",
    rejectUnauthorized: false,
    ALPNProtocols: ["http/1.1"],
  });
  await happened(socket, "secureConnect");
  const expiry = Date.parse(socket.getPeerCertificate().valid_to) / 1_000;
  if (Number.isFinite(expiry)) found.certificateExpiry = expiry;
  if (!socket.authorized) {
    socket.destroy();
    throw new ProbeError("tls");
  }
  return socket;
}

const exchange = (sent: ClientRequest, clock: PhaseClock): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    sent.once("finish", () => clock.begin("first_byte"));
    sent.once("response", resolve);
    sent.on("error", reject);
    sent.end();
  });

/** Reads to the end or to the limit; what lies beyond says nothing about the health of the other side. */
const drain = (response: IncomingMessage): Promise<void> =>
  new Promise((resolve, reject) => {
    let size = 0;
    response.on("data", (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > largestBody) {
        response.destroy();
        resolve();
      }
    });
    response.once("end", resolve);
    response.once("error", reject);
    response.once("close", () => reject(Object.assign(new Error("closed"), { code: "ECONNRESET" })));
  });

function judge(status: number, expected: readonly number[]): ProbeCause | undefined {
  if (expected.includes(status)) return undefined;
  if (status === 429) return "rate_limited";
  if (status === 401 || status === 403) return "auth";
  return status >= 500 ? "http_5xx" : "assertion";
}
