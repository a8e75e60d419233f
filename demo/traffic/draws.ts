// Random draws that a seed repeats: even, from a list, and Zipf (few ids are asked for often, many seldom).

export interface Draws {
  /** From 0 to below 1. */
  fraction(): number;
  /** From 1 to `count`. */
  upTo(count: number): number;
  pick<T>(values: readonly [T, ...T[]]): T;
  /** From 1 to `count`; n comes 1/n times as often as 1. */
  zipf(count: number): number;
}

export function createDraws(seed: number): Draws {
  let state = seed >>> 0;
  // Mulberry32: a small generator whose whole state is one number.
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const upTo = (count: number): number => 1 + Math.floor(fraction() * count);
  let sums = new Float64Array();
  return {
    fraction,
    upTo,
    pick: (values) => values[upTo(values.length) - 1] ?? values[0],
    zipf: (count) => {
      if (sums.length !== count) sums = harmonicSums(count);
      const wanted = fraction() * (sums[count - 1] ?? 0);
      return firstAbove(sums, wanted) + 1;
    },
  };
}

function harmonicSums(count: number): Float64Array<ArrayBuffer> {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let index = 0; index < count; index++) sums[index] = sum += 1 / (index + 1);
  return sums;
}

function firstAbove(sums: Float64Array, wanted: number): number {
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] ?? 0) > wanted) high = middle;
    else low = middle + 1;
  }
  return low;
}
