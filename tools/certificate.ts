// Self-signed certificates for TLS servers of drills and tests, with any validity: Node can sign, but has no call that makes a certificate.
import { generateKeyPairSync, sign } from "node:crypto";

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

type Bytes = Buffer;

const der = (tag: number, ...parts: readonly Bytes[]): Bytes => {
  const body = Buffer.concat(parts);
  const length =
    body.length < 0x80
      ? Buffer.from([body.length])
      : body.length < 0x100
        ? Buffer.from([0x81, body.length])
        : Buffer.from([0x82, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([Buffer.from([tag]), length, body]);
};
const sequence = (...parts: readonly Bytes[]): Bytes => der(0x30, ...parts);
const oid = (hex: string): Bytes => der(0x06, Buffer.from(hex, "hex"));
const utf8 = (text: string): Bytes => der(0x0c, Buffer.from(text));
const bits = (bytes: Bytes): Bytes => der(0x03, Buffer.from([0]), bytes);
/** GeneralizedTime, in whole seconds. */
const time = (date: Date): Bytes =>
  der(0x18, Buffer.from(`${date.toISOString().replaceAll(/[-:T]/g, "").slice(0, 14)}Z`));

const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"));
const commonName = "550403";
const subjectAltName = "551d11";

/** For one DNS name, valid between two instants. X.509 version 3 by RFC 5280. */
export function selfSigned(name: string, from: Date, until: Date): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const subject = sequence(der(0x31, sequence(oid(commonName), utf8(name))));
  const names = sequence(der(0x82, Buffer.from(name)));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ecdsaWithSha256,
    subject,
    sequence(time(from), time(until)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(sequence(oid(subjectAltName), der(0x04, names)))),
  );
  const signature = sign("sha256", body, privateKey);
  const lines = sequence(body, ecdsaWithSha256, bits(signature))
    .toString("base64")
    .match(/.{1,64}/g);
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines?.join("\n")}\n-----END CERTIFICATE-----\n`,
  };
}
