// TLS towards a database: always verified; files are read at every connect, so a rotated certificate needs no restart.
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { type ConnectionOptions, checkServerIdentity } from "node:tls";
import { CollectorError } from "../collector.ts";
import type { DatabaseEntry } from "./config.ts";
import { endpointOf } from "./endpoint.ts";

/** Undefined without TLS. */
export async function tlsOf(entry: DatabaseEntry): Promise<ConnectionOptions | undefined> {
  if (entry.tls === undefined || entry.tls === false) return undefined;
  const { caFile, certFile, keyFile, serverName } = entry.tls === true ? {} : entry.tls;
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map(read));
  const name = serverName ?? endpointOf(entry).host;
  return {
    rejectUnauthorized: true,
    // The libraries put the address in the place of the name, or connect to what stands as the host here.
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

async function read(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new CollectorError("tls", error);
  }
}
