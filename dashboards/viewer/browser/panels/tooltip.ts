// A box beside the pointer or the focus, that says what is there.
import { el } from "../dom.ts";

export interface Tooltip {
  /** Where it belongs to, in pixels of the window. */
  readonly show: (x: number, y: number, ...content: readonly Node[]) => void;
  readonly hide: () => void;
}

/** `spoken` where nothing else says to those who do not see it what it says. */
export function makeTooltip(spoken: boolean): Tooltip {
  const box = el("div", { class: "tooltip", ...(spoken ? { role: "status" } : { "aria-hidden": "true" }) });
  return {
    hide: () => box.remove(),
    show: (x, y, ...content) => {
      box.replaceChildren(...content);
      if (!box.isConnected) document.body.append(box);
      const beside = x + 16 + box.offsetWidth < innerWidth - 8 ? x + 16 : x - 16 - box.offsetWidth;
      box.style.left = `${Math.max(8, beside)}px`;
      box.style.top = `${Math.max(8, Math.min(y + 12, innerHeight - box.offsetHeight - 8))}px`;
    },
  };
}

/** A line of a tooltip: a colour, a name, a value. */
export function tooltipRow(tint: string, name: string, value: string, near = false): HTMLElement {
  const mark = el("span", { class: "mark" });
  mark.style.background = tint;
  return el(
    "div",
    { class: near ? "tooltip-row near" : "tooltip-row" },
    mark,
    el("span", { class: "tooltip-name" }, name),
    el("span", { class: "tooltip-value" }, value),
  );
}
