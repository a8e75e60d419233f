// Durations and sizes as people write them, parsed once and strictly: "90s", "1h30m", "256MiB".

type DurationUnit = "ms" | "s" | "m" | "h" | "d";
type SizeUnit = "B" | "KiB" | "MiB" | "GiB" | "TiB";

/** A Prometheus duration: whole numbers with units, largest first ("1h30m"). */
export type Duration = `${number}${DurationUnit}` | `${number}${DurationUnit}${number}${DurationUnit}`;
/** A size in binary units ("256MiB"). */
export type Size = `${number}${SizeUnit}`;

const millisecondsPer: Record<DurationUnit, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
const bytesPer: Record<SizeUnit, number> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
// The order and the units of https://prometheus.io/docs/prometheus/latest/querying/basics/#time-durations, without years and weeks.
const durationShape = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const sizeShape = /^(\d+)(B|KiB|MiB|GiB|TiB)$/;

export const isDuration = (text: string): text is Duration => text !== "" && durationShape.test(text);
export const isSize = (text: string): text is Size => sizeShape.test(text);

/** A duration in milliseconds. Throws a RangeError that shows the text and the expected form. */
export function milliseconds(text: string): number {
  const match = text === "" ? null : durationShape.exec(text);
  if (match === null) throw new RangeError(`"${text}" is not a duration; write whole units, such as 90s, 5m or 1h30m`);
  const units: readonly DurationUnit[] = ["d", "h", "m", "s", "ms"];
  return units.reduce((sum, unit, index) => sum + Number(match[index + 1] ?? 0) * millisecondsPer[unit], 0);
}

/** A duration in seconds, with fractions. */
export const seconds = (text: string): number => milliseconds(text) / 1_000;

/** A size in bytes. Throws a RangeError that shows the text and the expected form. */
export function bytes(text: string): number {
  const [, amount, unit] = sizeShape.exec(text) ?? [];
  if (amount === undefined)
    throw new RangeError(`"${text}" is not a size; write a whole number and B, KiB, MiB, GiB or TiB`);
  return Number(amount) * bytesPer[unit as SizeUnit];
}

/** Milliseconds as a person reads them: 840 ms, 12.3 s, 4 min 5 s. */
export function formatMilliseconds(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const whole = Math.round(ms / 1_000);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
