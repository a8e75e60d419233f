// Why a database could not be asked, as a class: from codes and the first word of a Redis error, never from a text.
import type { CollectorCause } from "../../telemetry/catalogue/exporter.ts";
import { type ConnectionCause, connectionCauses } from "../../telemetry/catalogue/postgres.ts";
import { CollectorError } from "../collector.ts";
import { tlsCodes } from "../tls-codes.ts";

/** https://www.postgresql.org/docs/current/errcodes-appendix.html; 57P03 is a server that starts or stops. */
const byState: Readonly<Record<string, CollectorCause>> = {
  "28000": "auth",
  "28P01": "auth",
  "3D000": "auth",
  "53300": "full",
  "42501": "permission",
  "57014": "timeout",
  "55P03": "timeout",
  "57P01": "connect",
  "57P02": "connect",
  "57P03": "connect",
};

const byWord: Readonly<Record<string, CollectorCause>> = {
  NOAUTH: "auth",
  WRONGPASS: "auth",
  NOPERM: "permission",
  LOADING: "connect",
  MASTERDOWN: "connect",
};

export function causeOf(error: unknown): CollectorCause {
  if (error instanceof CollectorError) return error.kind;
  const { code = "", message = "" } = (error ?? {}) as { code?: string; message?: string };
  const known = byState[code] ?? byWord[/^[A-Z]+/.exec(message)?.[0] ?? ""];
  if (known !== undefined) return known;
  if (message.includes("max number of clients")) return "full";
  if (/^(?:ENOTFOUND|EAI_|ENODATA|ESERVFAIL)/.test(code)) return "dns";
  if (code === "ETIMEDOUT") return "timeout";
  if (/^(?:ECONN|EHOST|ENET|EPIPE|EADDR)/.test(code)) return "connect";
  if (tlsCodes.test(code)) return "tls";
  if (/^[0-9A-Z]{5}$/.test(code)) return "query";
  return "other";
}

/** The narrower list that the connection counters have. */
export const connectionCauseOf = (error: unknown): ConnectionCause =>
  connectionCauses.find((cause) => cause === causeOf(error)) ?? "other";
