// TLS towards a database: always verified; files are read at every connect, so a rotated certificate needs no restart.
import { readFile } from "node:fs/promises";
import type { ConnectionOptions } from "node:tls";
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
    // An address is no server name; the certificate is compared with it all the same.
    ...(/^[\d.]+$|:/.test(name) ? { host: name } : { servername: name }),
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
