// Elements without a framework and without markup in strings: text from Prometheus can never become HTML.

type Attributes = Readonly<Record<string, string | number | boolean | undefined | ((event: Event) => void)>>;
type Child = Node | string | undefined;

/** `class`, attributes, `on…` listeners; `true` is an attribute without value, `false` and `undefined` are left out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  apply(element, attributes);
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

export function svg(tag: string, attributes: Attributes = {}, ...children: readonly Child[]): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  apply(element, attributes);
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

function apply(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
}

/** A line icon of 16 by 16. */
export const icon = (path: string): SVGElement =>
  svg(
    "svg",
    { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true", class: "icon" },
    svg("path", { d: path }),
  );

export const icons = {
  refresh: "M13 8a5 5 0 1 1-1.6-3.7M13 1.8v3h-3",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 4.8V8l2.2 1.6",
  expand: "M9.5 2.5h4v4M6.5 13.5h-4v-4M13.2 2.8 9 7M2.8 13.2 7 9",
  back: "M9.5 3.5 5 8l4.5 4.5",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 7.4V11M8 5v.1",
  theme: "M13.2 9.4A5.6 5.6 0 0 1 6.6 2.8a5.6 5.6 0 1 0 6.6 6.6Z",
  down: "M4 6.5 8 10l4-3.5",
  link: "M6.5 9.5 9.5 6.5M7 4.5l1.5-1.5a3.2 3.2 0 0 1 4.5 4.5L11.5 9M9 11.5 7.5 13A3.2 3.2 0 0 1 3 8.5L4.5 7",
  zoom: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.7 10.7 14 14M4.8 7h4.4",
} as const;

let popovers = 0;
/** A button that opens a panel below itself; Escape and a click elsewhere close it. */
export function menu(label: Child[], title: string, content: (close: () => void) => HTMLElement): HTMLElement {
  const id = `menu-${++popovers}`;
  const box = el("div", { id, popover: "auto", class: "menu", role: "dialog", "aria-label": title });
  const button = el(
    "button",
    { type: "button", class: "control", popovertarget: id, title, "aria-haspopup": "dialog" },
    ...label,
    icon(icons.down),
  );
  box.addEventListener("beforetoggle", (event) => {
    if ((event as ToggleEvent).newState === "open") box.replaceChildren(content(() => box.hidePopover()));
  });
  box.addEventListener("toggle", (event) => {
    if ((event as ToggleEvent).newState !== "open") return;
    const at = button.getBoundingClientRect();
    box.style.top = `${at.bottom + 6}px`;
    box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 8))}px`;
  });
  return el("div", { class: "menu-root" }, button, box);
}
