// What a panel shows, in a sentence beside its title.
import { el, icon, icons } from "./dom.ts";

let tips = 0;
/** Told at the pointer and at the focus; Escape takes it away. */
export function aboutButton(about: string): HTMLElement {
  const id = `tip-${++tips}`;
  const open = (): void => void delete root.dataset.closed;
  const root = el(
    "span",
    {
      class: "about",
      onfocusout: open,
      onpointerleave: open,
      onkeydown: (event) => {
        if ((event as KeyboardEvent).key !== "Escape" || root.dataset.closed !== undefined) return;
        event.stopPropagation();
        root.dataset.closed = "";
      },
    },
    el(
      "button",
      { type: "button", class: "quiet", "aria-label": "About this panel", "aria-describedby": id },
      icon(icons.info),
    ),
    el("span", { class: "tip", role: "tooltip", id }, about),
  );
  return root;
}
