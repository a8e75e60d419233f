// A badge: the state of one integration as a small picture, for a wiki or a README.
import type { Status } from "../../telemetry/catalogue/integrations.ts";
import type { Page } from "../exporter.ts";
import { words } from "./page.ts";

/** White text on each of them has a contrast of at least 4.5 to 1. */
const colours: Readonly<Record<Status, string>> = {
  healthy: "#17703a",
  degraded: "#8a5a00",
  unhealthy: "#b3261e",
  maintenance: "#2456a6",
  unknown: "#566273",
  error: "#b3261e",
};

/** `name` is a configured one: lower-case letters, digits and hyphens. */
export function badge(name: string, status: Status): Page {
  const word = words[status].toLowerCase();
  const [left, right] = [name, word].map((text) => Math.ceil(text.length * 6.6) + 16) as [number, number];
  return {
    contentType: "image/svg+xml; charset=utf-8",
    headers: { "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'" },
    body: `<svg xmlns="http://www.w3.org/2000/svg" width="${left + right}" height="20" role="img" aria-label="${name}: ${word}">
<title>${name}: ${word}</title><clipPath id="r"><rect width="${left + right}" height="20" rx="4"/></clipPath>
<g clip-path="url(#r)"><rect width="${left}" height="20" fill="#3a424d"/><rect x="${left}" width="${right}" height="20" fill="${colours[status]}"/></g>
<g fill="#fff" text-anchor="middle" font-family="Verdana, DejaVu Sans, sans-serif" font-size="11"><text x="${left / 2}" y="14">${name}</text><text x="${left + right / 2}" y="14">${word}</text></g></svg>
`,
  };
}
