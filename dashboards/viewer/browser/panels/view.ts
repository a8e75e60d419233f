// What a panel kind gives the page: something that draws data into a box.
import type { Labels } from "../fields.ts";
import type { Link, Panel, PanelData } from "../model.ts";

export interface ViewContext {
  /** The dashboard's time zone, as Grafana names it. */
  readonly zone: string;
  /** Shows a time range that was dragged on a chart. */
  readonly zoom: (from: number, to: number) => void;
  /** A data link as a URL, with the page's time range; undefined when it leads nowhere safe. */
  readonly href: (link: Link, labels: Labels, value?: number | string | null) => string | undefined;
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
    draw: (data) => box.replaceChildren(...draw(data, panel, context, box)),
    destroy: () => box.replaceChildren(),
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
