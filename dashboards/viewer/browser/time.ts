// Time ranges as Grafana writes them in URLs ("now-1h", epoch milliseconds, ISO), and times as people read them.

export interface Range {
  /** Seconds since the epoch. */
  readonly from: number;
  readonly to: number;
}

export const ranges: readonly (readonly [from: string, title: string])[] = [
  ["now-5m", "Last 5 minutes"],
  ["now-15m", "Last 15 minutes"],
  ["now-30m", "Last 30 minutes"],
  ["now-1h", "Last hour"],
  ["now-3h", "Last 3 hours"],
  ["now-6h", "Last 6 hours"],
  ["now-12h", "Last 12 hours"],
  ["now-24h", "Last 24 hours"],
  ["now-2d", "Last 2 days"],
  ["now-7d", "Last 7 days"],
  ["now-30d", "Last 30 days"],
];

export const refreshIntervals = ["", "5s", "10s", "15s", "30s", "1m", "5m", "15m"] as const;

const secondsPer: Readonly<Record<string, number>> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3_600,
  d: 86_400,
  w: 604_800,
  M: 2_592_000,
  y: 31_536_000,
};

/** "15s", "1m30s" -> seconds; undefined when it is not a duration. */
export function seconds(text: string): number | undefined {
  if (!/^(\d+(?:\.\d+)?(?:ms|[smhdwMy]))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwMy])/g))
    sum += Number(amount) * (secondsPer[unit as string] ?? 0);
  return sum;
}

/** A moment in seconds since the epoch; undefined when the text is none. */
export function moment(text: string, now: number): number | undefined {
  const relative = /^now(?:-(\w+))?(?:\/([smhdw]))?$/.exec(text);
  if (relative !== null) {
    const back = relative[1] === undefined ? 0 : seconds(relative[1]);
    if (back === undefined) return undefined;
    const unit = secondsPer[relative[2] ?? ""] ?? 0;
    return unit === 0 ? now - back : Math.floor((now - back) / unit) * unit;
  }
  if (/^\d{10,}$/.test(text)) return Number(text) / 1_000;
  const parsed = Date.parse(text);
  return Number.isNaN(parsed) ? undefined : parsed / 1_000;
}

/** Seconds that Prometheus and a calendar can both do with. */
const latest = 9_999_999_999;

/** A range that always holds: what cannot be read becomes the last hour. */
export function rangeOf(from: string, to: string, now: number): Range {
  const [start, end] = [from, to].map((text) => {
    const at = moment(text, now);
    return at === undefined ? Number.NaN : Math.min(latest, Math.max(0, at));
  }) as [number, number];
  return start < end ? { from: start, to: end } : { from: now - 3_600, to: now };
}

export const titleOfRange = (from: string, to: string, zone: string): string => {
  const known = ranges.find(([text]) => text === from);
  if (known !== undefined && to === "now") return known[1];
  const now = Date.now() / 1_000;
  const range = rangeOf(from, to, now);
  if (range.from === now - 3_600 && range.to === now) return "Last hour";
  const text = (side: string, at: number): string => (side.startsWith("now") ? side : formatTime(at, zone));
  return `${text(from, range.from)} to ${text(to, range.to)}`;
};

const formatters = new Map<string, Intl.DateTimeFormat>();
function formatter(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone} ${JSON.stringify(options)}`;
  let known = formatters.get(key);
  if (known === undefined) {
    const timeZone = zone === "utc" ? "UTC" : zone === "browser" || zone === "" ? undefined : zone;
    try {
      known = new Intl.DateTimeFormat("en-GB", timeZone === undefined ? options : { ...options, timeZone });
    } catch {
      // A zone that this browser does not know.
      known = new Intl.DateTimeFormat("en-GB", options);
    }
    formatters.set(key, known);
  }
  return known;
}

const full = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" } as const;

/** "22 Nov, 20:15:04". */
export const formatTime = (at: number, zone: string): string => formatter(zone, full).format(at * 1_000);

/** A tick on a time axis: what changes at this spacing, and no more; the first of a day names the day. */
export function formatTick(at: number, spacing: number, zone: string): string {
  const day = formatter(zone, { day: "numeric", month: "short" }).format(at * 1_000);
  if (spacing >= 86_400) return day;
  const time = formatter(zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at * 1_000);
  if (time === "00:00" && spacing >= 3_600) return day;
  if (spacing >= 60) return time;
  return formatter(zone, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at * 1_000);
}

/** The distance of samples: wide enough for the width, never finer than what is scraped, a round number. */
export function stepOf(range: Range, points: number, atLeast: number): number {
  const raw = Math.max((range.to - range.from) / Math.max(points, 10), atLeast);
  const round = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200];
  return round.find((step) => step >= raw && step % atLeast < 1e-9) ?? Math.ceil(raw / 86_400) * 86_400;
}
