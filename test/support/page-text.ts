// All that a page says: what is seen, what is said to those who do not see it, what is drawn on canvases, and what its pictures carry.
import { chromium, type Page } from "playwright-core";

/** Runs in the page before anything of its own: keeps the words that are drawn on canvases. */
export function keepDrawnText(): void {
  const kept: string[] = [];
  Object.assign(window, { drawnText: kept });
  for (const prototype of [CanvasRenderingContext2D.prototype, OffscreenCanvasRenderingContext2D.prototype])
    for (const name of ["fillText", "strokeText"] as const) {
      const draw = prototype[name] as (this: unknown, text: string, ...rest: number[]) => void;
      Object.assign(prototype, {
        [name](this: unknown, text: string, ...rest: number[]) {
          kept.push(String(text));
          draw.call(this, text, ...rest);
        },
      });
    }
}

/** Every text, every attribute and every drawn word of a page that was opened with `keepDrawnText`, and its address. */
export const textsOf = (page: Page): Promise<readonly string[]> =>
  page.evaluate(() => {
    const { drawnText } = window as unknown as { readonly drawnText: readonly string[] };
    const attributes = [...document.querySelectorAll("*")].flatMap((each) =>
      [...each.attributes].map(({ name, value }) => `${name}="${value}"`),
    );
    const styled = [...document.querySelectorAll("*")].flatMap((each) =>
      ["::before", "::after"].map((part) => getComputedStyle(each, part).content),
    );
    const values = [...document.querySelectorAll("input")].map(({ value }) => value);
    return [
      document.documentElement.textContent ?? "",
      ...[...attributes, ...values, ...styled, ...drawnText],
      decodeURIComponent(location.href),
    ];
  });

/** Texts that a PNG carries besides its pixels; throws when it is none. */
export function metadataOf(png: Buffer): readonly string[] {
  if (png.subarray(1, 4).toString() !== "PNG") throw new Error("this is no PNG");
  const pixels = new Set([
    "IHDR",
    "PLTE",
    "IDAT",
    "IEND",
    "tRNS",
    "sRGB",
    "gAMA",
    "cHRM",
    "pHYs",
    "sBIT",
    "bKGD",
    "cICP",
  ]);
  const found: string[] = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const kind = png.subarray(at + 4, at + 8).toString("latin1");
    if (!pixels.has(kind)) found.push(`${kind}: ${png.subarray(at + 8, at + 8 + length).toString("latin1")}`);
    at += length + 12;
  }
  return found;
}

/** What a secret or a data source's name looks like, whatever its value is. */
const shapes = [
  /[a-z]+:\/\/[^\s/"]*:[^\s/"@]+@/i,
  /\bBasic [A-Za-z0-9+/=]{8}/,
  /\bBearer \S/,
  /\bpassword=\S/i,
  /-----BEGIN/,
];

/** Those of the texts that hold one of the values, or what looks like a secret. */
export const secretsIn = (texts: readonly string[], values: readonly string[]): readonly string[] =>
  texts.filter((text) => values.some((value) => text.includes(value)) || shapes.some((shape) => shape.test(text)));

/** What every dashboard of a running viewer says, in light or dark as it comes, and what its picture carries: uid -> texts. */
export async function textsOfDashboards(
  viewer: string,
  executablePath: string,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  const list = (await (await fetch(`${viewer}/api/search`)).json()) as readonly { readonly uid: string }[];
  const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
  try {
    for (const { uid } of list) {
      const page = await browser.newPage({ viewport: { width: 1_280, height: 800 } });
      await page.addInitScript(keepDrawnText);
      await page.goto(`${viewer}/d/${uid}?refresh=`);
      await page.waitForFunction(
        () => {
          const panels = [...document.querySelectorAll<HTMLElement>(".panel")];
          return panels.length > 0 && panels.every(({ dataset }) => dataset.busy === undefined);
        },
        undefined,
        { timeout: 60_000 },
      );
      found.set(uid, [...(await textsOf(page)), ...metadataOf(await page.screenshot({ fullPage: true }))]);
      await page.close();
    }
  } finally {
    await browser.close();
  }
  return found;
}
