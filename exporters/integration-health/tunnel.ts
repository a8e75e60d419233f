// A connection through an HTTP proxy: CONNECT, https://www.rfc-editor.org/rfc/rfc9110#name-connect. Only one that is configured is used.
import { isIP, type Socket } from "node:net";
import { reachable } from "./address.ts";
import { splitAddress } from "./config.ts";
import { ask, type Opening, openDirectly, permitted } from "./connect.ts";
import { type HttpProxy, ProbeError } from "./probe.ts";

/** All of it counts as the phase `connect`. What a name leads to is for the proxy to find and to judge; an address is judged here. */
export async function openTunnel(
  { host, port }: { readonly host: string; readonly port: number },
  proxy: HttpProxy,
  opening: Opening,
): Promise<Socket> {
  const family = isIP(host);
  if (family !== 0) permitted([{ address: host, family }], reachable([]));
  const credential = await proxy.credential();
  const socket = await openDirectly(splitAddress(proxy.address), () => true, opening);
  const target = `${family === 6 ? `[${host}]` : host}:${port}`;
  const lines = [
    `CONNECT ${target} HTTP/1.1`,
    `Host: ${target}`,
    ...(credential === undefined ? [] : [`Proxy-Authorization: Basic ${Buffer.from(credential).toString("base64")}`]),
  ];
  const still = { ...opening.clock, begin: () => undefined };
  const answer = await ask(socket, `${lines.join("\r\n")}\r\n\r\n`, (seen) => seen.includes("\r\n\r\n"), still);
  const cause = causeOf(Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer.toString("latin1"))?.[1]));
  if (cause !== undefined) {
    socket.destroy();
    throw new ProbeError(cause);
  }
  const rest = answer.subarray(answer.indexOf("\r\n\r\n") + 4);
  if (rest.byteLength > 0) socket.unshift(rest);
  return socket;
}

/** What a proxy may not or will not open is ours to mend; what it cannot open is theirs. */
function causeOf(status: number): "refused" | "timeout" | "connect" | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status === 504) return "timeout";
  return status >= 400 && status < 500 ? "refused" : "connect";
}
