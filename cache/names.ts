// Names in Redis: shards, keys and tags, with every identifier hashed under a salt that changes by itself.
import { createHmac, createSecretKey } from "node:crypto";
import { cacheError } from "./errors.ts";
import type { Plan, Scalar, Segment, Tag } from "./policy.ts";

/** How identifiers are hashed. Every process of a namespace must know the secrets of all. */
export interface Hashing {
  /** At least 16 bytes. */
  readonly secret: string;
  /** Others under which there may be entries: what the secret was in the last day, and what it becomes, before any process has that. */
  readonly previous?: readonly string[];
  /** Seconds after which the salt, derived from the secret, is another one; at least a day, default a day. */
  readonly rotateEvery?: number;
}

export interface NamesOptions {
  readonly namespace: string;
  readonly shards: number;
  readonly hashing?: Hashing | undefined;
  readonly now?: () => number;
}

/** The identifier that a parameter of a key stands for. */
export type Parameters = (parameter: string) => Scalar;

/** One entry: its name under one salt, and where it lies. */
export interface Name {
  readonly name: string;
  readonly shard: number;
  readonly entry: string;
  readonly lease: string;
}

export interface Names {
  readonly channel: string;
  marks(shard: number): string;
  /** The name under which a value is read and stored now. */
  current(plan: Plan, parameters: Parameters): Name;
  /** Where the entry of a name lies. */
  place(name: string): Name;
  /** The name of which a key in Redis is the entry. */
  nameOf(entry: string): string;
  /** The keys that a pattern of `patterns` covers, and perhaps more, as SCAN takes them; `**`: every entry. */
  glob(pattern: string): string;
  /** Every name under which it may lie. */
  every(plan: Plan, parameters: Parameters): readonly Name[];
  /** An entry's tags under the salt of now. */
  tags(plan: Plan, parameters: Parameters, further: readonly Tag[]): readonly string[];
  /** A tag under every salt. */
  everyTag(tag: Tag): readonly string[];
  /** `appointments:*` with identifiers in clear, as the library's patterns: whole segments, each under every salt. */
  patterns(plans: Iterable<Plan>, pattern: string): readonly string[];
}

type Encode = (identifier: Scalar) => string;

/** Behind the hash tag. */
const entryMark = "}:e:";
const memoized = 10_000;
const skewMs = 60_000;

export function createNames({ namespace, shards, hashing, now = Date.now }: NamesOptions): Names {
  const prefixes = slotTags(shards).map((tag) => `${namespace}:{${tag}}:`);
  const periodMs = (hashing?.rotateEvery ?? 86_400) * 1_000;
  const encoders = new Map<string, Encode>();
  const encoder = (secret: string, period: number): Encode => {
    const id = `${period}:${secret}`;
    const made = encoders.get(id) ?? hasher(secret, period);
    // A handful are alive at a time.
    if (encoders.size > 32) encoders.clear();
    encoders.set(id, made);
    return made;
  };
  const current = (): Encode =>
    hashing === undefined ? escaped : encoder(hashing.secret, Math.floor(now() / periodMs));
  /** Salts under which another process may have stored what still lives: of this period, the one before, and soon the next. */
  const live = (): readonly Encode[] => {
    if (hashing === undefined) return [escaped];
    const periods = new Set([now() - periodMs, now(), now() + skewMs].map((at) => Math.floor(at / periodMs)));
    return [hashing.secret, ...(hashing.previous ?? [])].flatMap((secret) =>
      [...periods].map((period) => encoder(secret, period)),
    );
  };
  // A part of each hit's time: nothing is made that is not asked for.
  const render = (segments: readonly Segment[], parameters: Parameters, encode: Encode): string => {
    let text = "";
    for (const segment of segments) {
      if (text !== "") text += ":";
      text += "word" in segment ? segment.word : encode(parameters(segment.parameter));
    }
    return text;
  };
  const place = (name: string): Name => {
    const shard = shards === 1 ? 0 : spread(name) % shards;
    const prefix = prefixes[shard] ?? "";
    return { name, shard, entry: `${prefix}e:${name}`, lease: `${prefix}l:${name}` };
  };
  const tagOf = ([kind, ...identifiers]: Tag, encode: Encode): string => {
    if (!/^[A-Za-z0-9_-]+$/.test(kind))
      throw cacheError("tag", "its kind is not plain", "Use letters, digits, - and _, and identifiers behind it.");
    return `#${[kind, ...identifiers.map(encode)].join(":")}`;
  };

  return {
    channel: `${namespace}:bus`,
    marks: (shard) => `${prefixes[shard]}m`,
    place,
    nameOf: (entry) => entry.slice(entry.indexOf(entryMark) + entryMark.length),
    glob: (pattern) =>
      `${namespace}:{*${entryMark}${pattern === "**" ? "*" : pattern.replaceAll(/[^:]*\|[^:]*/g, "*")}`,
    current: (plan, parameters) => place(render(plan.segments, parameters, current())),
    every: (plan, parameters) =>
      [...new Set(live().map((encode) => render(plan.segments, parameters, encode)))].map(place),
    tags: (plan, parameters, further) => {
      const encode = current();
      return [
        ...plan.tags.map((segments) => `#${render(segments, parameters, encode)}`),
        ...further.map((tag) => tagOf(tag, encode)),
      ];
    },
    everyTag: (tag) => [...new Set(live().map((encode) => tagOf(tag, encode)))],
    patterns: (plans, pattern) => {
      const asked = pattern.split(":");
      const found = [...plans].flatMap(({ segments }) => {
        const fits =
          segments.length === asked.length &&
          segments.every(
            (segment, index) => !("word" in segment) || asked[index] === "*" || asked[index] === segment.word,
          );
        if (!fits) return [];
        const parts = segments.map((segment, index) => {
          const text = asked[index] ?? "";
          if ("word" in segment) return segment.word;
          return text === "*" ? "*" : [...new Set(live().map((encode) => encode(text)))].join("|");
        });
        return [parts.join(":")];
      });
      if (found.length === 0)
        throw cacheError(
          "pattern",
          "no policy has keys of this form",
          "Write as many segments as a policy's key has, each in full or as *.",
        );
      return found;
    },
  };
}

function hasher(secret: string, period: number): Encode {
  // Node takes several times as long for a key that it is given as bytes each time.
  const salt = createSecretKey(createHmac("sha256", secret).update(`salt:${period}`).digest());
  const known = new Map<Scalar, string>();
  return (identifier) => {
    const found = known.get(identifier);
    if (found !== undefined) return found;
    checked(identifier);
    const hashed = createHmac("sha256", salt).update(String(identifier)).digest("base64url").slice(0, 22);
    if (known.size >= memoized) known.clear();
    known.set(identifier, hashed);
    return hashed;
  };
}

const escaped: Encode = (identifier) =>
  (typeof identifier === "string" && /^[\w-]+$/.test(identifier)) || Number.isSafeInteger(identifier)
    ? `${identifier}`
    : encodeURIComponent(checked(identifier)).replaceAll(/[*'()!~]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);

function checked(identifier: Scalar): Scalar {
  if (
    typeof identifier === "number" ? !Number.isFinite(identifier) : typeof identifier !== "string" || identifier === ""
  )
    throw cacheError(
      "id",
      "an identifier is missing, empty, or neither text nor a number",
      "Give every parameter of the key, and every tag, a value.",
    );
  return identifier;
}

/** FNV-1a: the same in every process. */
function spread(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

const allSlots = 16_384;

/** For each shard a hash tag; their slots lie evenly, so that they fall evenly on a Cluster's masters. */
function slotTags(shards: number): readonly string[] {
  const width = allSlots / shards;
  const tags: string[] = [];
  for (let candidate = 0, found = 0; found < shards; candidate++) {
    const tag = candidate.toString(36);
    const range = Math.floor(slotOf(tag) / width);
    if (tags[range] !== undefined) continue;
    tags[range] = tag;
    found++;
  }
  return tags;
}

/** CRC-16 (XMODEM), as a Cluster places keys. */
export function slotOf(tag: string): number {
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  return crc % allSlots;
}
