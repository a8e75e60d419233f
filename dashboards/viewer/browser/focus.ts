// Where a person with a keyboard is: kept while what they are on is drawn anew, and one stop of Tab for many small things.

/** Something that can have the focus, in words that outlive a drawing. */
export interface Place {
  readonly name: string;
  /** Among those of this name. */
  readonly nth: number;
  /** Among all that there are. */
  readonly index: number;
  readonly panel: string | undefined;
}

const stopsIn = (box: Element): HTMLElement[] => [
  ...box.querySelectorAll<HTMLElement>("a[href], button, select, input, [tabindex]"),
];
const nameOf = (stop: Element): string =>
  `${stop.tagName} ${stop.getAttribute("aria-label") ?? stop.getAttribute("title") ?? stop.textContent}`;

/** Where the focus is within a box; undefined when it is elsewhere. */
export function placeIn(box: Element): Place | undefined {
  const active = document.activeElement;
  if (active === null || active === box || active === document.body || !box.contains(active)) return undefined;
  const stops = stopsIn(box);
  const name = nameOf(active);
  const alike = stops.filter((stop) => nameOf(stop) === name);
  const nth = alike.indexOf(active as HTMLElement);
  const panel = active.closest<HTMLElement>("[data-panel]")?.dataset.panel;
  return { name, nth, index: stops.indexOf(active as HTMLElement), panel };
}

/** What has the place now; undefined when nothing of its name is there. */
export function stopAt(box: Element, { name, nth }: Place): HTMLElement | undefined {
  const alike = stopsIn(box).filter((stop) => nameOf(stop) === name);
  return alike[nth] ?? alike.at(-1);
}

/** Gives the focus back: to the thing of this name, else to what is at the same place of the order. */
export function goTo(box: Element, place: Place): void {
  const stops = stopsIn(box);
  (stopAt(box, place) ?? stops[Math.min(place.index, stops.length - 1)])?.focus({ preventScroll: true });
}

/** Draws what is in a box anew; who was on something there is on it again. */
export function keepFocus(box: Element, draw: () => void): void {
  const place = placeIn(box);
  draw();
  if (place !== undefined && placeIn(box) === undefined) goTo(box, place);
}

/** One stop of Tab for all of them; arrow keys, Home and End go on from there, up and down to what is nearest in the next row. */
export function rove(rows: readonly (readonly HTMLElement[])[]): void {
  const all = rows.flat();
  for (const [row, items] of rows.entries())
    for (const [column, item] of items.entries()) {
      item.tabIndex = item === all[0] ? 0 : -1;
      item.addEventListener("focus", () => {
        for (const each of all) each.tabIndex = each === item ? 0 : -1;
      });
      item.addEventListener("keydown", (event) => {
        const next = nextOf(event.key, rows, row, column);
        if (next === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        next.focus();
      });
    }
}

function nextOf(
  key: string,
  rows: readonly (readonly HTMLElement[])[],
  row: number,
  column: number,
): HTMLElement | undefined {
  const items = rows[row] ?? [];
  const vertical = key === "ArrowDown" ? 1 : key === "ArrowUp" ? -1 : 0;
  if (vertical !== 0 && rows.length > 1) return nearest(rows[row + vertical] ?? [], items[column]);
  switch (key) {
    case "ArrowRight":
    case "ArrowDown":
      return items[column + 1];
    case "ArrowLeft":
    case "ArrowUp":
      return items[column - 1];
    case "Home":
      return items[0];
    case "End":
      return items.at(-1);
    default:
      return undefined;
  }
}

/** The one that covers the left edge of the other, or begins closest to it. */
function nearest(items: readonly HTMLElement[], other: HTMLElement | undefined): HTMLElement | undefined {
  const at = other?.getBoundingClientRect().left ?? 0;
  const away = (item: HTMLElement): number => {
    const { left, right } = item.getBoundingClientRect();
    return at < left ? left - at : Math.max(0, at - right);
  };
  return items.toSorted((left, right) => away(left) - away(right))[0];
}
