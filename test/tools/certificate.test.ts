import { createSecureContext } from "node:tls";
import { expect, it } from "vitest";
import { selfSigned } from "../../tools/certificate.ts";

it("a certificate is one that Node takes, however long its name is", () => {
  const [from, until] = [new Date(Date.now() - 1_000), new Date(Date.now() + 86_400_000)];
  for (let length = 1; length < 63; length++)
    expect(() => createSecureContext(selfSigned("a".repeat(length), from, until)), `${length} letters`).not.toThrow();
});
