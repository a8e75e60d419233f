// Opens connections in timed steps: resolve, connect, and TLS where it is asked for. Every probe that speaks over TCP starts here.
import { promises as dns, type LookupAddress } from "node:dns";
import { connect, isIP, type Socket } from "node:net";
import { createSecureContext, type SecureContext, type TLSSocket, connect as tlsConnect } from "node:tls";
import { type MayReach, reachable } from "./address.ts";
import { type PhaseClock, ProbeError, type Trial } from "./probe.ts";
import { openTunnel } from "./tunnel.ts";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Networks that it may lie in besides public ones. */
  readonly allow: readonly string[];
}

/** What a connection is opened with: the end of its time, its clock, where what was seen is noted, and the way. */
export type Opening = Omit<Trial, "credential">;

export async function openSocket({ host, port, allow }: Endpoint, opening: Opening): Promise<Socket> {
  const { proxy } = opening;
  if (proxy !== undefined && allow.length === 0) return openTunnel({ host, port }, proxy, opening);
  return openDirectly({ host, port }, reachable(allow), opening);
}

export async function openDirectly(
  { host, port }: Omit<Endpoint, "allow">,
  may: MayReach,
  { signal, clock, found }: Opening,
): Promise<Socket> {
  clock.begin("resolve");
  const addresses = permitted(await resolve(host), may);
  signal.throwIfAborted();
  clock.begin("connect");
  const socket = connect({
    host,
    port,
    noDelay: true,
    // The addresses are tried side by side, so that a dead IPv6 route does not fail a target that answers over IPv4.
    autoSelectFamily: true,
    // What was judged is what is connected to: nothing resolves the name a second time.
    lookup: (_host, _options, done) => done(null, addresses as LookupAddress[]),
  });
  // Every attempt ends with the signal, so whatever became of it, it is counted once and nothing of it stays open.
  const end = (): void => {
    found.bytes = (found.bytes ?? 0) + socket.bytesRead + socket.bytesWritten;
    socket.destroy();
  };
  signal.addEventListener("abort", end, { once: true });
  await happened(socket, "connect");
  return socket;
}

/** The certificate is read before it is judged, so that its expiry is known of a refused one too. */
export async function secure(
  plain: Socket,
  name: string,
  { clock, found, ca }: Opening,
  protocols: readonly string[] = [],
): Promise<TLSSocket> {
  clock.begin("tls");
  const socket = tlsConnect({
    socket: plain,
    host: name,
    secureContext: contextOf(ca),
    // An address is not allowed there; the certificate is then judged by the host.
    servername: isIP(name) === 0 ? name : "",
    rejectUnauthorized: false,
    ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
  });
  await happened(socket, "secureConnect");
  const expiry = Date.parse(socket.getPeerCertificate().valid_to) / 1_000;
  if (Number.isFinite(expiry)) found.certificate = { expiry, valid: socket.authorized };
  if (!socket.authorized) {
    socket.destroy();
    throw new ProbeError("tls");
  }
  return socket;
}

/** Waits for an event of a socket; its error or its end reject. The listeners stay only as long as needed. */
export const happened = (socket: Socket, event: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const done = (settle: () => void) => () => {
      socket.off(event, onEvent).off("error", onError).off("close", onClose);
      // A late error without a listener would end the process.
      socket.on("error", () => undefined);
      settle();
    };
    const onEvent = done(resolve);
    const onClose = done(() => reject(Object.assign(new Error("closed"), { code: "ECONNRESET" })));
    const onError = (error: Error): void => done(() => reject(error))();
    socket.once(event, onEvent).once("error", onError).once("close", onClose);
  });

/** Sends a request of a few bytes and collects what is answered, until `enough` of it has come. */
export async function ask(
  socket: Socket,
  request: Buffer | string,
  enough: (answer: Buffer) => boolean,
  clock: PhaseClock,
): Promise<Buffer> {
  clock.begin("request");
  await new Promise<void>((resolve, reject) => {
    socket.write(request, (error) => (error ? reject(error) : resolve()));
  });
  clock.begin("first_byte");
  let answer: Buffer = Buffer.alloc(0);
  while (!enough(answer)) {
    let chunk = socket.read() as Buffer | null;
    if (chunk === null) {
      await happened(socket, "readable");
      chunk = socket.read() as Buffer | null;
    }
    clock.begin("transfer");
    answer = Buffer.concat([answer, chunk ?? Buffer.alloc(0)]);
    if (answer.byteLength > largestAnswer) throw new ProbeError("assertion");
  }
  return answer;
}

const largestAnswer = 64 * 1_024;

/** Throws when none of the addresses may be reached; that is a mistake of ours, not a failure of theirs. */
export function permitted(addresses: readonly LookupAddress[], may: MayReach): readonly LookupAddress[] {
  const left = addresses.filter(({ address }) => may(address));
  if (left.length === 0) throw new ProbeError("refused");
  return left;
}

const looking = new Map<string, Promise<readonly LookupAddress[]>>();

/**
 * A look-up cannot be ended and keeps a thread until the system gives it up, long after an attempt has. Therefore one at a time
 * for each name: else a name that is never answered would soon keep all threads, and other names waiting.
 */
export async function resolve(host: string): Promise<readonly LookupAddress[]> {
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  const known = looking.get(host) ?? dns.lookup(host, { all: true }).finally(() => looking.delete(host));
  looking.set(host, known);
  return known;
}

const contexts = new Map<string | undefined, SecureContext>();
/** Reading the trusted roots costs more than a handshake; they are read once. */
function contextOf(ca: string | undefined): SecureContext {
  const context = contexts.get(ca) ?? createSecureContext(ca === undefined ? {} : { ca });
  contexts.set(ca, context);
  return context;
}
