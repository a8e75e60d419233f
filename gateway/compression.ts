// Bodies made small on their way: zstd, Brotli or gzip, whichever the client prefers, when it pays.
import { promisify } from "node:util";
import { brotliCompress, constants, gzip, zstdCompress } from "node:zlib";
import type { FastifyReply } from "fastify";

type Encoding = "zstd" | "br" | "gzip";

/** Less than this fits into one packet anyway. */
const leastBytes = 1_024;

/** The best first; at levels at which each takes less time than it saves on the way. */
const encoders: Readonly<Record<Encoding, (text: string) => Promise<Buffer>>> = {
  zstd: (text) => promisify(zstdCompress)(text, { params: { [constants.ZSTD_c_compressionLevel]: 3 } }),
  br: (text) => promisify(brotliCompress)(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  gzip: (text) => promisify(gzip)(text, { level: 6 }),
};
const known = Object.keys(encoders) as readonly Encoding[];

/** A text, and what has been made of it: compressed once for each encoding, for as long as somebody keeps it. */
export interface Text {
  readonly text: string;
  readonly encoded: Map<Encoding, Buffer | Promise<Buffer>>;
}

export const textOf = (text: string): Text => ({ text, encoded: new Map() });

/** Sends it as the client wants it; what is at hand at once, without a promise. The answer has to vary by `accept-encoding`. */
export function sendText(reply: FastifyReply, { text, encoded }: Text): Promise<void> | undefined {
  const encoding = encodingFor(reply.request.headers["accept-encoding"], text);
  if (encoding === undefined) {
    reply.send(text);
    return;
  }
  reply.header("content-encoding", encoding);
  const small = encoded.get(encoding);
  if (small === undefined || small instanceof Promise) return encode(small ?? encoders[encoding](text), encoding);
  reply.send(small);

  async function encode(making: Promise<Buffer>, as: Encoding): Promise<void> {
    encoded.set(as, making);
    const made = await making;
    encoded.set(as, made);
    reply.send(made);
  }
}

/** What the client wants most of what we have (RFC 9110, 12.5.3); undefined when it gets the text as it is. */
export function encodingFor(accepted: string | undefined, text: string): Encoding | undefined {
  if (accepted === undefined) return undefined;
  const { best, plain } = wishes.get(accepted) ?? remember(accepted);
  return text.length < leastBytes && plain ? undefined : best;
}

interface Wish {
  readonly best: Encoding | undefined;
  /** Whether it takes the text as it is, too. */
  readonly plain: boolean;
}

/** Clients are of few kinds, and each says the same with every request. */
const wishes = new Map<string, Wish>();
const mostWishes = 100;

function remember(accepted: string): Wish {
  const wish = wishOf(accepted);
  if (wishes.size < mostWishes) wishes.set(accepted, wish);
  return wish;
}

function wishOf(accepted: string): Wish {
  const weights = new Map(
    accepted.split(",").map((part) => {
      const [name = "", ...parameters] = part.split(";").map((each) => each.trim().toLowerCase());
      const weight = parameters.find((each) => each.startsWith("q="))?.slice(2);
      return [name, weight === undefined ? 1 : Number(weight) || 0] as const;
    }),
  );
  const weightOf = (name: string): number => weights.get(name) ?? weights.get("*") ?? 0;
  const best = known.reduce((one, other) => (weightOf(other) > weightOf(one) ? other : one));
  const preferred = weightOf(best) > 0 && weightOf(best) >= (weights.get("identity") ?? 0);
  return { best: preferred ? best : undefined, plain: (weights.get("identity") ?? weights.get("*")) !== 0 };
}
