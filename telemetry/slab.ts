// What waits to be sent, as bytes in memory that is used again and again. Buffers of their own would outlive the young generation
// while they wait: V8 counts them and marks its whole heap every few hundred milliseconds to be rid of them.
const chunkBytes = 2 ** 18;
const mostSpare = 4;

interface Chunk {
  readonly buffer: Buffer;
  /** What is in it and not released. */
  from: number;
  to: number;
}

export interface Slab {
  /** So many more bytes, which `write` puts there, from `from` on. */
  append(bytes: number, write: (buffer: Buffer, from: number) => void): void;
  /** The first so many bytes, in one piece or more. They stay as they are until they are released. */
  first(bytes: number): readonly Buffer[];
  /** Gives up the first so many bytes. */
  release(bytes: number): void;
}

/** First in, first out; whoever appends sees to it that it has an end. */
export function createSlab(): Slab {
  const chunks: Chunk[] = [];
  const spare: Chunk[] = [];
  const roomFor = (bytes: number): Chunk => {
    const last = chunks.at(-1);
    if (last !== undefined && last.buffer.length - last.to >= bytes) return last;
    const chunk = (bytes <= chunkBytes ? spare.pop() : undefined) ?? {
      buffer: Buffer.allocUnsafeSlow(Math.max(chunkBytes, bytes)),
      from: 0,
      to: 0,
    };
    chunks.push(chunk);
    return chunk;
  };
  return {
    append: (bytes, write) => {
      const chunk = roomFor(bytes);
      write(chunk.buffer, chunk.to);
      chunk.to += bytes;
    },
    first: (bytes) => {
      let left = bytes;
      return chunks.flatMap(({ buffer, from, to }) => {
        const piece = buffer.subarray(from, Math.min(to, from + left));
        left -= piece.length;
        return piece.length === 0 ? [] : [piece];
      });
    },
    release: (bytes) => {
      for (let left = bytes; left > 0; ) {
        const chunk = chunks[0];
        if (chunk === undefined) return;
        const gone = Math.min(left, chunk.to - chunk.from);
        chunk.from += gone;
        left -= gone;
        if (chunk.from < chunk.to) return;
        chunk.from = chunk.to = 0;
        chunks.shift();
        if (chunk.buffer.length === chunkBytes && spare.length < mostSpare) spare.push(chunk);
      }
    },
  };
}
