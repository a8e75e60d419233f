// The probe kind `tcp`: a connection can be opened.
import type { TcpTarget } from "./config.ts";
import { openSocket } from "./connect.ts";
import type { Probe } from "./probe.ts";

export const tcpProbe: Probe<TcpTarget> = async ({ address }, { signal, clock }) => {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const socket = await openSocket({ host, port: Number(address.slice(colon + 1)) }, signal, clock);
  socket.destroy();
};
