// Light and dark: what the system prefers until a person decides; colours for what is drawn on canvases.

export type Theme = "light" | "dark";

const statusColors: Readonly<Record<Theme, Readonly<Record<string, string>>>> = {
  dark: {
    green: "#4ccf8e",
    yellow: "#e8c547",
    orange: "#f2994a",
    red: "#ff6b6b",
    blue: "#5aa9f7",
    purple: "#b48ef5",
    text: "#d7dde6",
    muted: "#8b95a5",
    grid: "#232a34",
    axis: "#8b95a5",
    panel: "#171b22",
    transparent: "transparent",
  },
  light: {
    green: "#17803d",
    yellow: "#8f6a00",
    orange: "#c2570c",
    red: "#c81e2b",
    blue: "#1d63c4",
    purple: "#7440c2",
    text: "#1c2430",
    muted: "#5b6675",
    grid: "#e8ecf1",
    axis: "#5b6675",
    panel: "#ffffff",
    transparent: "transparent",
  },
};

const seriesColors: Readonly<Record<Theme, readonly string[]>> = {
  dark: [
    "#5aa9f7",
    "#f2994a",
    "#4ccf8e",
    "#b48ef5",
    "#ff7d8b",
    "#3fc9c9",
    "#e8c547",
    "#f08fd0",
    "#9fb3c8",
    "#8fd14f",
    "#d9a28a",
    "#7f8cff",
    "#5fb0a0",
    "#d06bd0",
    "#b0b35a",
    "#c98fa8",
  ],
  light: [
    "#1d63c4",
    "#c2570c",
    "#17803d",
    "#7440c2",
    "#c81e2b",
    "#0b7a80",
    "#8f6a00",
    "#b0307f",
    "#55667a",
    "#4d7c0f",
    "#8a5a44",
    "#4149c9",
    "#2f6f62",
    "#8d2f8d",
    "#6b6d1f",
    "#8c4a66",
  ],
};

const system = matchMedia("(prefers-color-scheme: dark)");
const listeners: (() => void)[] = [];

/** A browser may keep a page from remembering anything. */
function remembered(next?: Theme): string | null {
  try {
    if (next !== undefined) localStorage.setItem("theme", next);
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}

const chosen = (): Theme | undefined => {
  const asked = new URLSearchParams(location.search).get("theme");
  const stored = asked ?? remembered();
  return stored === "light" || stored === "dark" ? stored : undefined;
};

export const theme = (): Theme => chosen() ?? (system.matches ? "dark" : "light");

export function toggleTheme(): void {
  const next = theme() === "dark" ? "light" : "dark";
  const url = new URL(location.href);
  url.searchParams.delete("theme");
  history.replaceState(null, "", url);
  remembered(next);
  announce();
}

/** Calls back when the colours change. */
export function onTheme(listener: () => void): void {
  listeners.push(listener);
}

function announce(): void {
  document.documentElement.dataset.theme = theme();
  for (const listener of listeners) listener();
}

system.addEventListener("change", announce);
// Another tab's choice.
window.addEventListener("storage", announce);
document.documentElement.dataset.theme = theme();

/** Grafana's colour names, with their shades, as colours of this theme; anything else as it is. */
export function color(name: string | undefined, fallback = "text"): string {
  const colors = statusColors[theme()];
  const plain = (name ?? fallback).replace(/^(?:super-light|light|semi-dark|dark)-/, "");
  return colors[plain] ?? plain;
}

export const seriesColor = (index: number): string => {
  const colors = seriesColors[theme()];
  return colors[index % colors.length] as string;
};

/** A colour with an opacity from 0 to 1; only for the six-digit colours above. */
export const faded = (hex: string, opacity: number): string =>
  /^#[0-9a-f]{6}$/i.test(hex)
    ? `${hex}${Math.round(opacity * 255)
        .toString(16)
        .padStart(2, "0")}`
    : hex;
