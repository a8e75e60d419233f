// What a panel kind gives the page: something that draws data into a box.
import { el } from "../dom.ts";
import type { Labels } from "../fields.ts";
import { keepFocus } from "../focus.ts";
import type { FieldConfig, Frame, Link, Panel, PanelData } from "../model.ts";

export interface ViewContext {
  /** The dashboard's time zone, as Grafana names it. */
  readonly zone: string;
  /** Shows a time range that was dragged on a chart. */
  readonly zoom: (from: number, to: number) => void;
  /** A link's address with the page's time range and variables; undefined when it leads nowhere safe. */
  readonly href: (link: Link, labels?: Labels, value?: number | string | null) => string | undefined;
}

export interface View {
  /** Draws; called again with new data, after a change of theme, and after a change of size. */
  readonly draw: (data: PanelData) => void;
  readonly destroy: () => void;
}

export type MakeView = (box: HTMLElement, panel: Panel, context: ViewContext) => View;

/** A view that draws from nothing each time. */
export const simple =
  (draw: (data: PanelData, panel: Panel, context: ViewContext, box: HTMLElement) => readonly Node[]): MakeView =>
  (box, panel, context) => ({
    draw: (data) => keepFocus(box, () => box.replaceChildren(...draw(data, panel, context, box))),
    destroy: () => box.replaceChildren(),
  });

/** The attributes of an `a` for a value's first link; undefined where it has none that leads anywhere. */
export function linkOf(
  { links }: FieldConfig,
  labels: Labels,
  value: number | string | null,
  { href }: ViewContext,
): ({ readonly title: string } & Readonly<Record<string, string>>) | undefined {
  const link = links?.[0];
  const address = link === undefined ? undefined : href(link, labels, value);
  return link === undefined || address === undefined ? undefined : anchor(link, address);
}

/** What stands for one value of a series: a link where it has one, and a name for those who do not see it. */
export function valueBox(
  kind: string,
  { frame, value, text }: { readonly frame: Frame; readonly value: number | null; readonly text: string },
  context: ViewContext,
  ...children: readonly (Node | string | undefined)[]
): HTMLElement {
  const link = linkOf(frame.config, frame.labels, value, context);
  const label = `${frame.name}: ${text}`;
  return link === undefined
    ? el("div", { class: kind, role: "group", "aria-label": label }, ...children)
    : el("a", { class: kind, ...link, "aria-label": `${label}. ${link.title}` }, ...children);
}

/** The attributes of an `a` for a link. */
export const anchor = ({ title, targetBlank }: Link, href: string) => ({
  href,
  title,
  ...(targetBlank === true ? { target: "_blank", rel: "noreferrer" } : {}),
});

/** A setting of a panel's options by its path, when it has the expected type. */
export function option<T extends string | number | boolean>(panel: Panel, path: string, fallback: T): Widened<T> {
  let at: unknown = panel.options;
  for (const key of path.split(".")) at = (at as Readonly<Record<string, unknown>> | undefined)?.[key];
  return (typeof at === typeof fallback ? at : fallback) as Widened<T>;
}

type Widened<T> = T extends string ? string : T extends number ? number : boolean;

export const calculationOf = (panel: Panel): string => {
  const calculations = (panel.options?.reduceOptions as { calcs?: readonly string[] } | undefined)?.calcs;
  return calculations?.[0] ?? "lastNotNull";
};
