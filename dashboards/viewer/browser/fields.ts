// From samples to what is shown: names, overrides, mappings, thresholds, reductions.
import type { FieldConfig, Frame, Mapping, Panel, Threshold } from "./model.ts";
import { type Shown, show } from "./units.ts";

export type Labels = Readonly<Record<string, string>>;

/** A series' name by its legend format, or as Prometheus would write it. */
export function nameOf(labels: Labels, legendFormat: string | undefined, expr: string): string {
  if (legendFormat !== undefined && legendFormat !== "" && legendFormat !== "__auto")
    return legendFormat.replaceAll(/\{\{\s*([\w.]+)\s*\}\}/g, (_, label: string) => labels[label] ?? "");
  const rest = Object.entries(labels).filter(([label]) => label !== "__name__");
  if (rest.length === 0) return labels.__name__ ?? expr;
  return `${labels.__name__ ?? ""}{${rest.map(([label, value]) => `${label}="${value}"`).join(", ")}}`;
}

/** The panel's field settings for one field, with the overrides that match it. */
export function configFor(panel: Panel, name: string, refId: string): FieldConfig {
  const settings = panel.fieldConfig;
  if (settings === undefined) return {};
  const merged: Record<string, unknown> = { ...settings.defaults, custom: { ...settings.defaults.custom } };
  for (const { matcher, properties } of settings.overrides ?? []) {
    const wanted = String(matcher.options ?? "");
    const matches =
      (matcher.id === "byName" && wanted === name) ||
      (matcher.id === "byRegexp" && new RegExp(wanted.replace(/^\/|\/$/g, "")).test(name)) ||
      (matcher.id === "byFrameRefID" && wanted === refId);
    if (!matches) continue;
    for (const { id, value } of properties)
      if (id.startsWith("custom.")) (merged.custom as Record<string, unknown>)[id.slice(7)] = value;
      else merged[id] = value;
  }
  return merged as FieldConfig;
}

export interface Mapped {
  readonly text?: string;
  readonly color?: string;
}

/** What the value mappings say about a value, if anything. */
export function mapped(value: number | string | null, mappings: readonly Mapping[] | undefined): Mapped | undefined {
  for (const { type, options } of mappings ?? []) {
    if (type === "value") {
      const hit = options[String(value)] as Mapped | undefined;
      if (hit !== undefined) return hit;
    } else if (type === "range" && typeof value === "number") {
      const { from, to, result } = options as { from: number | null; to: number | null; result: Mapped };
      if ((from === null || value >= from) && (to === null || value <= to)) return result;
    } else if (type === "regex" && typeof value === "string") {
      const { pattern, result } = options as { pattern: string; result: Mapped };
      if (new RegExp(pattern.replace(/^\/|\/$/g, "")).test(value)) return result;
    } else if (type === "special") {
      const { match, result } = options as { match: string; result: Mapped };
      if (value === null && match.includes("null")) return result;
      if (typeof value === "number" && Number.isNaN(value) && match.includes("nan")) return result;
    }
  }
  return undefined;
}

/** The colour of the highest threshold that the value reaches. */
export function thresholdColor(value: number | null, config: FieldConfig): string | undefined {
  const steps = config.thresholds?.steps ?? [];
  if (value === null) return undefined;
  const share = config.thresholds?.mode === "percentage" ? percentage(value, config) : value;
  return steps.findLast(({ value: from }) => from === null || share >= from)?.color;
}

const percentage = (value: number, { min = 0, max = 100 }: FieldConfig): number => ((value - min) / (max - min)) * 100;

/** The thresholds in the field's own unit. */
export const thresholdsOf = (config: FieldConfig): readonly Threshold[] =>
  (config.thresholds?.steps ?? []).map(({ value, color }) => ({
    value:
      value === null || config.thresholds?.mode !== "percentage"
        ? value
        : (config.min ?? 0) + (value / 100) * ((config.max ?? 100) - (config.min ?? 0)),
    color,
  }));

/** Text and colour of a value: its mapping first, then unit and thresholds. */
export function display(value: number | null, config: FieldConfig): Shown & { readonly color: string | undefined } {
  const hit = mapped(value, config.mappings);
  const byColor = config.color?.mode === "fixed" ? config.color.fixedColor : thresholdColor(value, config);
  const shown =
    value === null ? { text: config.noValue ?? "–", suffix: "" } : show(value, config.unit, config.decimals);
  return hit?.text === undefined
    ? { ...shown, color: hit?.color ?? byColor }
    : { text: hit.text, suffix: "", color: hit.color ?? byColor };
}

/** One number out of a series, by the name of Grafana's calculation. */
export function reduce(frame: Frame, calculation: string): number | null {
  const values = frame.values.filter((value): value is number => value !== null && !Number.isNaN(value));
  const last = values.at(-1);
  const first = values[0];
  if (last === undefined || first === undefined) return null;
  switch (calculation) {
    case "last":
      return frame.values.at(-1) ?? null;
    case "first":
    case "firstNotNull":
      return first;
    case "min":
      return Math.min(...values);
    case "max":
      return Math.max(...values);
    case "sum":
      return values.reduce((sum, value) => sum + value, 0);
    case "mean":
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    case "count":
      return values.length;
    case "range":
      return Math.max(...values) - Math.min(...values);
    case "diff":
      return last - first;
    default:
      return last;
  }
}

export const calculationTitles: Readonly<Record<string, string>> = {
  last: "Last",
  lastNotNull: "Last",
  first: "First",
  firstNotNull: "First",
  min: "Min",
  max: "Max",
  sum: "Total",
  mean: "Mean",
  count: "Count",
  range: "Range",
  diff: "Difference",
};

/** `${__field.labels.x}`, `${__data.fields.x}`, with `:percentencode` for a place in a URL, `${__value.raw}` in a link or a display name. */
export function fill(text: string, labels: Labels, value?: number | string | null): string {
  return text.replaceAll(
    /\$\{__(?:field\.labels|data\.fields)\.(\w+)(:percentencode)?\}|\$\{__data\.fields\["([^"]+)"\]\}|\$\{__value\.(?:raw|numeric|text)\}/g,
    (_, dotted?: string, encoded?: string, quoted?: string) => {
      const text = labels[dotted ?? quoted ?? ""] ?? ((dotted ?? quoted) ? "" : String(value ?? ""));
      return encoded === undefined ? text : encodeURIComponent(text);
    },
  );
}
