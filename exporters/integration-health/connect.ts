// Opens a TCP connection in two timed steps, resolve and connect; every probe that speaks over TCP starts here.
import { promises as dns, type LookupAddress } from "node:dns";
import { connect, isIP, type Socket } from "node:net";
import type { PhaseClock } from "./probe.ts";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export async function openSocket({ host, port }: Endpoint, signal: AbortSignal, clock: PhaseClock): Promise<Socket> {
  clock.begin("resolve");
  const addresses = await resolve(host);
  signal.throwIfAborted();
  clock.begin("connect");
  const socket = connect({
    host,
    port,
    noDelay: true,
    // The addresses are tried side by side, so that a dead IPv6 route does not fail a target that answers over IPv4.
    autoSelectFamily: true,
    lookup: (_host, _options, done) => done(null, addresses as LookupAddress[]),
  });
  signal.addEventListener("abort", () => socket.destroy(), { once: true });
  await happened(socket, "connect");
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

async function resolve(host: string): Promise<readonly LookupAddress[]> {
  const family = isIP(host);
  return family === 0 ? dns.lookup(host, { all: true }) : [{ address: host, family }];
}
