// What waits as bytes: the same texts in the same order, whatever is appended, sent and given up in between.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSlab, type Slab } from "../../telemetry/slab.ts";

const textOf = (slab: Slab, bytes: number): string => Buffer.concat(slab.first(bytes)).toString();

/** How many bytes it took. */
function append(slab: Slab, text: string): number {
  const bytes = Buffer.byteLength(text);
  slab.append(bytes, (buffer, from) => buffer.write(text, from));
  return bytes;
}

describe("a slab", () => {
  it("has what was appended and not released, in its order, whatever the steps", () => {
    // Now and then longer than what memory is made of; or so many to be given up.
    const appended = fc.record({
      letter: fc.constantFrom("a", "\u00e4", "\u20ac"),
      times: fc.oneof({ weight: 20, arbitrary: fc.nat(2_000) }, { weight: 1, arbitrary: fc.nat(200_000) }),
    });
    const release = fc.record({ items: fc.integer({ min: 1, max: 40 }) });
    const steps = fc.array(fc.oneof({ weight: 6, arbitrary: appended }, { weight: 1, arbitrary: release }), {
      minLength: 100,
      maxLength: 1_500,
      size: "max",
    });
    fc.assert(
      fc.property(steps, (some) => {
        const slab = createSlab();
        const waiting: { readonly text: string; readonly length: number }[] = [];
        const giveUp = (items: number): void => {
          const gone = waiting.splice(0, items);
          const bytes = gone.reduce((sum, { length }) => sum + length, 0);
          if (textOf(slab, bytes) !== gone.map(({ text }) => text).join("")) throw new Error("other bytes");
          slab.release(bytes);
        };
        for (const [index, step] of some.entries())
          if ("items" in step) giveUp(step.items);
          else {
            const text = `${index}${step.letter.repeat(step.times)}`;
            waiting.push({ text, length: append(slab, text) });
          }
        giveUp(waiting.length);
        expect(slab.first(1)).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  it.each([-2, -1, 0, 1, 2])("holds what its memory has just room for, and what is %i bytes more", (more) => {
    const slab = createSlab();
    const texts = ["a".repeat(2 ** 18 - 10), "b".repeat(10 + more), "c".repeat(2 ** 18 + more), "d"];
    const bytes = texts.reduce((sum, text) => sum + append(slab, text), 0);
    expect(textOf(slab, bytes)).toBe(texts.join(""));
  });

  it("leaves the bytes that are being sent as they are, whatever is appended meanwhile", () => {
    const slab = createSlab();
    const bytes = append(slab, "sent") + append(slab, " now");
    const sending = slab.first(bytes);
    for (let more = 0; more < 3_000; more++) append(slab, "x".repeat(1_000));
    expect(Buffer.concat(sending).toString()).toBe("sent now");
    expect(textOf(slab, bytes)).toBe("sent now");
  });

  it("uses its memory again: no more of it for a hundred times as much", () => {
    const slab = createSlab();
    const text = "x".repeat(700);
    const seen = new Set<ArrayBufferLike>();
    for (let batch = 0; batch < 500; batch++) {
      const lengths = Array.from({ length: 512 }, () => append(slab, text));
      const bytes = lengths.reduce((sum, length) => sum + length, 0);
      for (const { buffer } of slab.first(bytes)) seen.add(buffer);
      slab.release(bytes);
    }
    // 170 MiB went through.
    expect([...seen].reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThan(2 * 2 ** 20);
  });
});
