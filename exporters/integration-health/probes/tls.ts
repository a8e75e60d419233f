// The probe kind `tls`: a connection can be opened, and a certificate is shown that is trusted for the name.
import { splitAddress, type TargetOf } from "../config.ts";
import { openSocket, secure } from "../connect.ts";
import type { Probe } from "../probe.ts";

export const tls: Probe<TargetOf<"tls">> = async ({ address, serverName, allow }, trial) => {
  const { host, port } = splitAddress(address);
  const socket = await secure(await openSocket({ host, port, allow }, trial), serverName ?? host, trial);
  socket.destroy();
};
