// The secrets of a stack once the engine has them, and what tells that one has changed without telling it.
import { createHmac } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import type { SecretName } from "../spec.ts";
import { valueIn } from "./revealed.ts";

export interface Secrets {
  /** Their values by name. */
  readonly values: pulumi.Output<Readonly<Record<SecretName, string>>>;
  /** The stack's own: of its fingerprints and its salts. */
  readonly key: pulumi.Output<string>;
}

export const secretsNamed = (
  names: readonly SecretName[],
  outputOf: (name: SecretName) => pulumi.Output<string>,
): Secrets => ({
  values: pulumi.all(Object.fromEntries([...new Set(names)].toSorted().map((name) => [name, outputOf(name)]))),
  key: outputOf("fingerprintKey"),
});

/**
 * Another one whenever one of these secrets changes. No secret itself: it tells nothing of them without the key, and a
 * preview that hides it hides why their readers start anew.
 */
export const fingerprintOf = ({ values, key }: Secrets, names: readonly SecretName[]): pulumi.Output<string> =>
  pulumi.unsecret(
    pulumi.all([values, key]).apply(([all, hmacKey]) => {
      const hmac = createHmac("sha256", hmacKey);
      for (const name of names) hmac.update(JSON.stringify([name, valueIn(all, name)]));
      return hmac.digest("hex").slice(0, 16);
    }),
  );
