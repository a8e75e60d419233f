// A value as bytes: serialized, compressed above a size, encrypted where the policy says so, and back.
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { cacheError } from "./errors.ts";

/** Text or bytes of a value; `null` and `undefined` never reach it. */
export interface Serializer {
  readonly serialize: (value: unknown) => string | Buffer;
  readonly deserialize: (bytes: Buffer) => unknown;
}

export interface Encryption {
  /** The first encrypts; each decrypts what carries its id. */
  readonly keys: readonly { readonly id: string; readonly key: Buffer }[];
}

export interface Sealing {
  readonly encrypted: boolean;
  readonly compressFrom: number;
  /** Bound to the ciphertext, so that a value that was moved to another key does not open. */
  readonly name: string;
  /** Milliseconds that the load took. */
  readonly loadMs: number;
  /** Milliseconds at the end of its time in Redis for which it is no longer fresh. */
  readonly staleMs: number;
}

export interface Opened {
  readonly value: unknown;
  readonly loadMs: number;
  readonly staleMs: number;
}

export interface Envelopes {
  seal(value: unknown, sealing: Sealing): Buffer;
  /** What `seal` made begins at `from`. Throws when it is something else, or its key is gone. */
  open(bytes: Buffer, from: number, name: string): Opened;
}

export const json: Serializer = {
  serialize: (value) => JSON.stringify(value),
  deserialize: (bytes) => JSON.parse(bytes.toString()),
};

const flag = { nothing: 1, compressed: 2, encrypted: 4 } as const;
const headBytes = 9;
const biggest = 0xffff_ffff;
const algorithm = "aes-256-gcm";
const [ivBytes, tagBytes] = [12, 16];

export function createEnvelopes(serializer: Serializer = json, encryption?: Encryption): Envelopes {
  // Node takes several times as long for a key that it is given as bytes each time.
  const keys = new Map(encryption?.keys.map(({ id, key }) => [id, createSecretKey(key)]));
  const [newest] = keys;

  const encrypt = (plain: Buffer, name: string): Buffer => {
    if (newest === undefined) throw cacheError("encryption", "there is no key", "Give createCache `encryption`.");
    const [id, key] = newest;
    const iv = randomBytes(ivBytes);
    const cipher = createCipheriv(algorithm, key, iv).setAAD(Buffer.from(name));
    const sealed = [cipher.update(plain), cipher.final()];
    return Buffer.concat([Buffer.from([id.length]), Buffer.from(id), iv, cipher.getAuthTag(), ...sealed]);
  };
  const decrypt = (sealed: Buffer, name: string): Buffer => {
    const idEnd = 1 + (sealed[0] ?? 0);
    const key = keys.get(sealed.toString("latin1", 1, idEnd));
    if (key === undefined) throw new Error("the key of this value is gone");
    const [ivEnd, tagEnd] = [idEnd + ivBytes, idEnd + ivBytes + tagBytes];
    const decipher = createDecipheriv(algorithm, key, sealed.subarray(idEnd, ivEnd))
      .setAAD(Buffer.from(name))
      .setAuthTag(sealed.subarray(ivEnd, tagEnd));
    return Buffer.concat([decipher.update(sealed.subarray(tagEnd)), decipher.final()]);
  };

  return {
    seal: (value, { encrypted, compressFrom, name, loadMs, staleMs }) => {
      let flags: number = value === null ? flag.nothing : 0;
      let body = value === null ? Buffer.alloc(0) : asBuffer(serializer.serialize(value));
      if (body.length >= compressFrom && value !== null) {
        const smaller = deflateRawSync(body, { level: 1 });
        if (smaller.length < body.length) {
          body = smaller;
          flags |= flag.compressed;
        }
      }
      // Whether there is something at all is told by an encrypted value to its readers alone.
      if (encrypted) {
        body = encrypt(Buffer.concat([Buffer.from([flags]), body]), name);
        flags = flag.encrypted;
      }
      const head = Buffer.alloc(headBytes);
      head.writeUInt8(flags, 0);
      head.writeUInt32BE(Math.min(Math.ceil(loadMs), biggest), 1);
      head.writeUInt32BE(Math.min(Math.ceil(staleMs), biggest), 5);
      return Buffer.concat([head, body]);
    },
    open: (bytes, from, name) => {
      const [loadMs, staleMs] = [bytes.readUInt32BE(from + 1), bytes.readUInt32BE(from + 5)];
      let flags = bytes.readUInt8(from);
      // The most usual: nothing is made between the bytes and the value.
      if (flags === 0 && serializer === json)
        return { value: JSON.parse(bytes.toString("utf8", from + headBytes)), loadMs, staleMs };
      let body = bytes.subarray(from + headBytes);
      if (flags & flag.encrypted) {
        const plain = decrypt(body, name);
        flags = plain.readUInt8(0);
        body = plain.subarray(1);
      }
      if (flags & flag.compressed) body = inflateRawSync(body);
      const value = flags & flag.nothing ? null : serializer.deserialize(body);
      return { value, loadMs, staleMs };
    },
  };
}

const asBuffer = (serialized: string | Buffer | undefined): Buffer => {
  if (serialized === undefined)
    throw cacheError("value", "it cannot be serialized", "Cache plain data, or give createCache a serializer.");
  return typeof serialized === "string" ? Buffer.from(serialized) : serialized;
};
