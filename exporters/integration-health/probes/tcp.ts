// The probe kind `tcp`: a connection can be opened.
import { splitAddress, type TargetOf } from "../config.ts";
import { openSocket } from "../connect.ts";
import type { Probe } from "../probe.ts";

export const tcp: Probe<TargetOf<"tcp">> = async ({ address, allow }, trial) => {
  const socket = await openSocket({ ...splitAddress(address), allow }, trial);
  socket.destroy();
};
