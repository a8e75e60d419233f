// The controls above a dashboard: variables, time range, refresh.
import { el, icon, icons, menu } from "./dom.ts";
import type { Variable } from "./model.ts";
import { ranges, refreshIntervals, titleOfRange } from "./time.ts";
import { all } from "./variables.ts";

export function timeControl(
  current: { readonly from: string; readonly to: string },
  zone: string,
  choose: (from: string, to: string) => void,
): HTMLElement {
  return menu(
    [icon(icons.clock), el("span", {}, titleOfRange(current.from, current.to, zone))],
    "Time range",
    (close) => {
      const take = (from: string, to: string): void => {
        close();
        choose(from, to);
      };
      const from = el("input", { type: "datetime-local", name: "from", required: true });
      const to = el("input", { type: "datetime-local", name: "to", required: true });
      return el(
        "div",
        { class: "time-menu" },
        el(
          "div",
          { class: "choices" },
          ...ranges.map(([text, title]) =>
            el(
              "button",
              {
                type: "button",
                "aria-current": text === current.from && current.to === "now" ? "true" : undefined,
                onclick: () => take(text, "now"),
              },
              title,
            ),
          ),
        ),
        el(
          "form",
          {
            onsubmit: (event) => {
              event.preventDefault();
              const start = new Date(from.value).getTime();
              const end = new Date(to.value).getTime();
              to.setCustomValidity(start < end ? "" : "must be later than the start");
              if (to.reportValidity()) take(String(start), String(end));
            },
            oninput: () => to.setCustomValidity(""),
          },
          el("label", {}, "From", from),
          el("label", {}, "To", to),
          el("button", { type: "submit", class: "primary" }, "Show this range"),
        ),
      );
    },
  );
}

export function refreshControl(current: string, refresh: () => void, choose: (interval: string) => void): HTMLElement {
  const select = el(
    "select",
    { "aria-label": "Refresh every", onchange: () => choose(select.value) },
    // An address may ask for another one.
    ...[...new Set([...refreshIntervals, current])].map((interval) =>
      el("option", { value: interval, selected: interval === current }, interval === "" ? "Off" : interval),
    ),
  );
  return el(
    "div",
    { class: "joined" },
    el(
      "button",
      { type: "button", class: "control", title: "Refresh now (r)", "aria-label": "Refresh now", onclick: refresh },
      icon(icons.refresh),
    ),
    select,
  );
}

/** One variable: a list for a single choice, a menu of boxes for several. */
export function variableControl(
  variable: Variable,
  chosen: readonly string[],
  values: readonly string[],
  choose: (values: readonly string[]) => void,
): HTMLElement {
  const label = variable.label ?? variable.name;
  if (variable.multi !== true) {
    const offered = variable.includeAll === true ? [all, ...values] : values;
    const select = el(
      "select",
      { "aria-label": label, onchange: () => choose([select.value]) },
      ...[...new Set([...offered, ...chosen])].map((value) =>
        el("option", { value, selected: chosen.includes(value) }, value === all ? "All" : value),
      ),
    );
    return el("label", { class: "control variable" }, el("span", { class: "muted" }, label), select);
  }
  const summary = chosen.includes(all) ? "All" : chosen.length > 2 ? `${chosen.length} chosen` : chosen.join(", ");
  return menu(
    [el("span", { class: "muted" }, label), el("span", {}, summary === "" ? "None" : summary)],
    label,
    (close) => {
      const take = (picked: readonly string[]): void => {
        close();
        choose(picked);
      };
      const boxes = [...new Set([...values, ...chosen.filter((value) => value !== all)])].map((value) =>
        el("input", { type: "checkbox", value, checked: chosen.includes(all) ? false : chosen.includes(value) }),
      );
      return el(
        "form",
        {
          class: "variable-menu",
          onsubmit: (event) => {
            event.preventDefault();
            const picked = boxes.filter(({ checked }) => checked).map(({ value }) => value);
            take(picked.length === 0 ? [all] : picked);
          },
        },
        el("div", { class: "boxes" }, ...boxes.map((box) => el("label", {}, box, box.value))),
        el(
          "div",
          { class: "menu-buttons" },
          el("button", { type: "button", onclick: () => take([all]) }, "All"),
          el("button", { type: "submit", class: "primary" }, "Show"),
        ),
      );
    },
  );
}
