// The codes that may be told of an error: those that Node, its libraries and PostgreSQL give; any other text may be anything.
import * as dns from "node:dns";
import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";
import * as zlib from "node:zlib";

/** What Node's documentation of TLS lists of a certificate that is not believed. */
const certificates = [
  ...["UNABLE_TO_GET_ISSUER_CERT", "UNABLE_TO_GET_CRL", "UNABLE_TO_DECRYPT_CERT_SIGNATURE"],
  ...["UNABLE_TO_DECRYPT_CRL_SIGNATURE", "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY", "CERT_SIGNATURE_FAILURE"],
  ...["CRL_SIGNATURE_FAILURE", "CERT_NOT_YET_VALID", "CERT_HAS_EXPIRED", "CRL_NOT_YET_VALID", "CRL_HAS_EXPIRED"],
  ...["ERROR_IN_CERT_NOT_BEFORE_FIELD", "ERROR_IN_CERT_NOT_AFTER_FIELD", "ERROR_IN_CRL_LAST_UPDATE_FIELD"],
  ...["ERROR_IN_CRL_NEXT_UPDATE_FIELD", "OUT_OF_MEM", "DEPTH_ZERO_SELF_SIGNED_CERT", "SELF_SIGNED_CERT_IN_CHAIN"],
  ...["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "CERT_CHAIN_TOO_LONG", "CERT_REVOKED"],
  ...["INVALID_CA", "PATH_LENGTH_EXCEEDED", "INVALID_PURPOSE", "CERT_UNTRUSTED", "CERT_REJECTED", "HOSTNAME_MISMATCH"],
];

const known = new Set<unknown>([
  ...Object.keys(constants.errno),
  ...Array.from(getSystemErrorMap().values(), ([name]) => name),
  ...Object.values(dns),
  ...Object.keys(zlib.constants).filter((name) => name.startsWith("Z_")),
  ...certificates,
  ...["ABORT_ERR", "MODULE_NOT_FOUND"],
]);

/** Families that Node, Fastify, mercurius, undici and the parser of HTTP go on to extend. */
const families = /^(?:ERR|FST_ERR|AVV_ERR|MER_ERR|UND_ERR|HPE)_[A-Z0-9_]+$/;

/** The code of an error as it may be told, if it has one. */
export function codeOf(thrown: unknown): string | undefined {
  const { code, severity, routine } = Object(thrown) as Readonly<Record<string, unknown>>;
  if (typeof code !== "string") return undefined;
  if (known.has(code) || families.test(code)) return code;
  // Five characters may be a name: only a server's own report has these fields besides.
  const reported = typeof severity === "string" && typeof routine === "string";
  return reported && /^[0-9A-Z]{5}$/.test(code) ? `sqlstate_${code}` : undefined;
}
