// Grafana's unit ids -> numbers as people read them.

interface Scale {
  readonly steps: readonly (readonly [from: number, divisor: number, suffix: string])[];
  /** Between number and suffix. */
  readonly gap: string;
}

const scaled = (base: number, suffixes: readonly string[], gap = " "): Scale => ({
  steps: suffixes.map((suffix, power) => [power === 0 ? 0 : base ** power, base ** power, suffix] as const),
  gap,
});
const perSecond = (suffix: string): Scale => ({
  steps: [
    [0, 1, suffix],
    [1_000, 1_000, `K ${suffix}`],
    [1_000_000, 1_000_000, `Mil ${suffix}`],
  ],
  gap: " ",
});

const time: Scale = {
  steps: [
    [0, 1e-9, "ns"],
    [1e-6, 1e-6, "µs"],
    [1e-3, 1e-3, "ms"],
    [1, 1, "s"],
    [60, 60, "min"],
    [3_600, 3_600, "h"],
    [86_400, 86_400, "days"],
  ],
  gap: " ",
};

const scales: Readonly<Record<string, Scale>> = {
  none: scaled(1, [""]),
  short: scaled(1_000, ["", "K", "Mil", "Bil", "Tri"]),
  percent: scaled(1, ["%"], ""),
  bytes: scaled(1_024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]),
  decbytes: scaled(1_000, ["B", "kB", "MB", "GB", "TB", "PB"]),
  Bps: scaled(1_000, ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"]),
  binBps: scaled(1_024, ["B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s"]),
  reqps: perSecond("req/s"),
  ops: perSecond("ops/s"),
  cps: perSecond("/s"),
  eps: perSecond("evt/s"),
  s: time,
};

export interface Shown {
  readonly text: string;
  readonly suffix: string;
}

/** A number in its unit, split so that the suffix can be drawn smaller. */
export function show(value: number, unit = "none", decimals?: number): Shown {
  if (Number.isNaN(value)) return { text: "NaN", suffix: "" };
  if (!Number.isFinite(value)) return { text: value > 0 ? "∞" : "-∞", suffix: "" };
  if (unit === "percentunit") return show(value * 100, "percent", decimals);
  if (unit === "ms") return show(value / 1_000, "s", decimals);
  if (unit === "bool") return { text: value === 0 ? "False" : "True", suffix: "" };
  if (unit === "bool_yes_no") return { text: value === 0 ? "No" : "Yes", suffix: "" };
  if (unit === "dateTimeAsIso")
    return { text: new Date(value).toISOString().replace("T", " ").slice(0, 19), suffix: "" };
  if (unit === "dateTimeFromNow") return { text: fromNow(value / 1_000 - Date.now() / 1_000), suffix: "" };
  if (unit === "dtdurations") return { text: clock(value), suffix: "" };
  if (unit.startsWith("suffix:")) return { ...show(value, "short", decimals), suffix: unit.slice(7) };
  const scale = scales[unit];
  if (scale === undefined) return { text: digits(value, decimals), suffix: ` ${unit}` };
  const size = Math.abs(value);
  // Zero has no size that could choose a step: it takes the unit itself.
  const step =
    size === 0
      ? scale.steps.find(([, divisor]) => divisor === 1)
      : scale.steps.findLast(([from]) => size >= from * 0.9995);
  const [, divisor, suffix] = step ?? [0, 1, ""];
  return { text: digits(value / divisor, decimals), suffix: suffix === "" ? "" : `${scale.gap}${suffix}` };
}

export const showText = (value: number | null, unit?: string, decimals?: number): string => {
  if (value === null) return "–";
  const { text, suffix } = show(value, unit, decimals);
  return text + suffix;
};

/** Three significant digits, without the zeros that say nothing. */
function digits(value: number, decimals?: number): string {
  if (decimals !== undefined) return value.toFixed(decimals);
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  const places = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.001 ? 3 : 6;
  return String(Number(value.toFixed(places)));
}

function clock(total: number): string {
  const units = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
    [1, "s"],
  ] as const;
  const parts: string[] = [];
  let rest = Math.round(Math.abs(total));
  for (const [size, name] of units) {
    if (rest >= size && parts.length < 2) parts.push(`${Math.floor(rest / size)} ${name}`);
    rest %= size;
  }
  return parts.length === 0 ? "0 s" : `${total < 0 ? "-" : ""}${parts.join(" ")}`;
}

const fromNow = (offset: number): string => (offset <= 0 ? `${clock(-offset)} ago` : `in ${clock(offset)}`);
