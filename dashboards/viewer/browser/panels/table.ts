// Tables: one row per set of labels, sorted by any column.
import { el } from "../dom.ts";
import { configFor, display, mapped } from "../fields.ts";
import { keepFocus } from "../focus.ts";
import type { FieldConfig, Frame, Panel, PanelData } from "../model.ts";
import { color } from "../theme.ts";
import { formatTime } from "../time.ts";
import { mostRows, shownOf } from "./limits.ts";
import { linkOf, type MakeView, type ViewContext } from "./view.ts";

type Cell = string | number | null;

interface Field {
  readonly name: string;
  readonly title: string;
  readonly config: FieldConfig;
}

interface Grid {
  readonly fields: readonly Field[];
  readonly rows: readonly { readonly cells: readonly Cell[]; readonly labels: Readonly<Record<string, string>> }[];
}

interface Organize {
  readonly excludeByName?: Readonly<Record<string, boolean>>;
  readonly includeByName?: Readonly<Record<string, boolean>>;
  readonly indexByName?: Readonly<Record<string, number>>;
  readonly renameByName?: Readonly<Record<string, string>>;
}

export const table: MakeView = (box, panel, context) => {
  const initial = (panel.options?.sortBy as readonly { displayName?: string; desc?: boolean }[] | undefined)?.[0];
  let sort = { column: initial?.displayName ?? "", descending: initial?.desc === true };
  let last: PanelData | undefined;
  const draw = (data: PanelData): void => {
    last = data;
    const grid = gridOf(panel, data.frames);
    const at = grid.fields.findIndex(({ title }) => title === sort.column);
    const rows =
      at < 0 ? grid.rows : grid.rows.toSorted((left, right) => order(left.cells[at], right.cells[at], sort.descending));
    const drawn = rows.slice(0, mostRows);
    const less = shownOf(drawn.length, rows.length, rows.length, "rows");
    const { scrollTop = 0, scrollLeft = 0 } = box.firstElementChild ?? {};
    const head = grid.fields.map(({ title }) => {
      const sorted = title === sort.column;
      const button = el(
        "button",
        {
          type: "button",
          onclick: () => {
            sort = { column: title, descending: sorted ? !sort.descending : false };
            if (last !== undefined) draw(last);
          },
        },
        title,
      );
      return el(
        "th",
        { scope: "col", "aria-sort": sorted ? (sort.descending ? "descending" : "ascending") : "none" },
        button,
      );
    });
    const body = drawn.map(({ cells, labels }) =>
      el("tr", {}, ...grid.fields.map((field, index) => cellOf(cells[index] ?? null, field, labels, context))),
    );
    const scroll = el(
      "div",
      { class: "table-scroll", tabindex: 0, role: "region", "aria-label": panel.title ?? "table" },
      el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body)),
    );
    keepFocus(box, () => box.replaceChildren(scroll, less === undefined ? "" : el("p", { class: "left-out" }, less)));
    scroll.scrollTo(scrollLeft, scrollTop);
  };
  return { draw, destroy: () => box.replaceChildren() };
};

function cellOf(
  cell: Cell,
  { config }: Field,
  labels: Readonly<Record<string, string>>,
  context: ViewContext,
): HTMLElement {
  const shown =
    typeof cell === "string" ? (mapped(cell, config.mappings)?.text ?? cell) : textOf(display(cell, config));
  const look = (config.custom?.cellOptions as { type?: string } | undefined)?.type;
  const tint = typeof cell === "string" ? mapped(cell, config.mappings)?.color : display(cell, config).color;
  const link = linkOf(config, labels, cell, context);
  const content = link === undefined ? shown : el("a", link, shown);
  const td = el("td", { class: typeof cell === "number" ? "number" : undefined }, content);
  if (tint !== undefined && look === "color-text") {
    td.style.color = color(tint);
    td.classList.add("status");
  }
  if (tint !== undefined && look === "color-background") {
    td.style.background = color(tint);
    td.style.color = color("panel");
  }
  return td;
}

const textOf = ({ text, suffix }: { readonly text: string; readonly suffix: string }): string => text + suffix;

/** Frames with the same labels become one row; each query gives one value column. */
function gridOf(panel: Panel, frames: readonly Frame[]): Grid {
  const queries = (panel.targets ?? []).filter(({ hide }) => hide !== true).map(({ refId }) => refId);
  const valueName = (refId: string): string => (queries.length > 1 ? `Value #${refId}` : "Value");
  const labels = [...new Set(frames.flatMap((frame) => Object.keys(frame.labels)))].filter(
    (name) => name !== "__name__",
  );
  const names = ["Time", ...labels, ...queries.map(valueName)];
  const rows = new Map<string, { labels: Frame["labels"]; values: Map<string, Cell> }>();
  for (const frame of frames) {
    const key = JSON.stringify(labels.map((label) => frame.labels[label]));
    const row = rows.get(key) ?? { labels: frame.labels, values: new Map() };
    row.values.set("Time", formatTime(frame.times.at(-1) ?? 0, ""));
    for (const label of labels) row.values.set(label, frame.labels[label] ?? "");
    row.values.set(valueName(frame.refId), frame.values.at(-1) ?? null);
    rows.set(key, row);
  }
  const organize = (panel.transformations ?? []).find(({ id }) => id === "organize")?.options as Organize | undefined;
  const included = organize?.includeByName;
  const fields = names
    .filter((name) => organize?.excludeByName?.[name] !== true)
    .filter((name) => included === undefined || Object.keys(included).length === 0 || included[name] === true)
    .toSorted((left, right) => (organize?.indexByName?.[left] ?? 99) - (organize?.indexByName?.[right] ?? 99))
    .map((name) => {
      const title = organize?.renameByName?.[name] ?? name;
      return { name, title, config: configFor(panel, title, name.startsWith("Value #") ? name.slice(7) : "") };
    });
  return {
    fields,
    rows: [...rows.values()].map(({ labels: own, values }) => ({
      labels: own,
      cells: fields.map(({ name }) => values.get(name) ?? null),
    })),
  };
}

/** Missing values come last, whatever the direction. */
function order(left: Cell | undefined, right: Cell | undefined, descending: boolean): number {
  const missing = (cell: Cell | undefined): boolean => cell === null || cell === undefined || cell === "";
  if (missing(left) || missing(right)) return Number(missing(left)) - Number(missing(right));
  const sign = descending ? -1 : 1;
  if (typeof left === "number" && typeof right === "number") return sign * (left - right);
  return sign * String(left).localeCompare(String(right), "en", { numeric: true });
}
