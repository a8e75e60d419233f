// Host and port of a configured address.
import type { DatabaseEntry } from "./config.ts";

export function endpointOf({ address }: DatabaseEntry): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(address.slice(colon + 1)) };
}
