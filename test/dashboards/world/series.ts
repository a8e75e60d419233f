// What the series of a world are made of: waves and counters over a time that the world sets.

/** Seconds since the epoch: when the world began to be watched, and when it was started. */
export const clock = { epoch: 0, now: 0 };

export type Series = readonly [name: string, labels: Readonly<Record<string, string>>, value: (at: number) => number];

export const wave = (at: number, period: number, phase = 0): number =>
  0.5 + 0.5 * Math.sin((at / period) * 2 * Math.PI + phase);
/** The integral of a rate that swings between its half and one and a half times: a counter that only rises. */
export const counter =
  (perSecond: number, phase = 0, period = 2_400) =>
  (at: number): number =>
    perSecond * (at - clock.epoch) +
    ((perSecond * period * 0.5) / (2 * Math.PI)) * (1 - Math.cos(((at - clock.epoch) / period) * 2 * Math.PI + phase));
