// Durations and sizes are parsed strictly.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytes, formatMilliseconds, isDuration, isSize, milliseconds, seconds } from "../components/units.ts";

describe("units", () => {
  it("adds up compound durations", () => {
    expect(milliseconds("1h30m")).toBe(5_400_000);
    expect(seconds("2m45s")).toBe(165);
    expect(milliseconds("1d2h3m4s5ms")).toBe(93_784_005);
  });

  it.each(["", "1.5m", "5", "m", "5 m", "1m1h", "-1s", "1y"])("refuses %j as a duration", (text) => {
    expect(isDuration(text)).toBe(false);
    expect(() => milliseconds(text)).toThrow(RangeError);
  });

  it.each(["", "10", "10MB", "1.5GiB", "-1B"])("refuses %j as a size", (text) => {
    expect(isSize(text)).toBe(false);
    expect(() => bytes(text)).toThrow(RangeError);
  });

  it("reads back any duration that is written largest unit first", () => {
    const part = fc.nat({ max: 999 });
    fc.assert(
      fc.property(part, part, part, part, part, (d, h, m, s, ms) => {
        const total = d * 86_400_000 + h * 3_600_000 + m * 60_000 + s * 1_000 + ms;
        expect(milliseconds(`${d}d${h}h${m}m${s}s${ms}ms`)).toBe(total);
      }),
    );
  });

  it("knows binary sizes", () => {
    expect(bytes("256MiB")).toBe(268_435_456);
    expect(bytes("4GiB")).toBe(4 * 2 ** 30);
  });

  it("shows milliseconds as people read them", () => {
    expect([12, 1_540, 245_000].map(formatMilliseconds)).toEqual(["12 ms", "1.5 s", "4 min 5 s"]);
  });

  it("never shows sixty seconds, nor a thousand milliseconds", () => {
    expect([999.6, 59_960, 239_700].map(formatMilliseconds)).toEqual(["1.0 s", "1 min 0 s", "4 min 0 s"]);
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e8, noNaN: true }), (ms) => {
        expect(formatMilliseconds(ms)).toMatch(/^(?:\d{1,3} ms|[1-5]?\d\.\d s|\d+ min [1-5]?\d s)$/);
      }),
    );
  });
});
