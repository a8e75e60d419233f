// A secret in the form that a file wants it in.
import { createHash, createHmac } from "node:crypto";
import { encodeBase64, hashSync } from "bcryptjs";
import type { SecretName, SecretRef } from "../spec.ts";

/** Work of 2^10 rounds: what the tools of Apache and Prometheus take by default. */
const bcryptPrefix = "$2b$10$";
const bcryptSaltBytes = 16;

/**
 * Tells secrets from their values by name. `key`: the stack's own, from which a salted hash takes its salt; a random one
 * would make every preview differ. Throws for a secret that was not handed over.
 */
export function revealed(
  values: Readonly<Record<SecretName, string>>,
  key: string | Uint8Array,
): (secret: Pick<SecretRef, "name" | "as">) => string {
  return ({ name, as }) => {
    const value = valueIn(values, name);
    if (as === "sha256") return createHash("sha256").update(value).digest("hex");
    return as === "bcrypt" ? hashSync(value, `${bcryptPrefix}${saltOf(key, name)}`) : value;
  };
}

export function valueIn(values: Readonly<Record<SecretName, string>>, name: SecretName): string {
  const value = values[name];
  if (value === undefined) throw new Error(`the secret ${name} is missing`);
  return value;
}

function saltOf(key: string | Uint8Array, name: SecretName): string {
  const digest = createHmac("sha256", key).update(`bcrypt ${name}`).digest();
  return encodeBase64([...digest.subarray(0, bcryptSaltBytes)], bcryptSaltBytes);
}
