// A picture of a dashboard in the viewer, once every panel has drawn.
import { chromium } from "playwright-core";

export interface PictureOptions {
  readonly executablePath: string;
  readonly url: string;
  /** The PNG to write. */
  readonly path: string;
  readonly theme: "light" | "dark";
  readonly width: number;
  /** Pixels of the picture for each of the window. */
  readonly scale: number;
}

/** Takes it; tells the titles of the panels that show no data. */
export async function picture({
  executablePath,
  url,
  path,
  theme,
  width,
  scale,
}: PictureOptions): Promise<readonly string[]> {
  // Debian's Chromium cannot build its sandbox for root, and it opens nothing but our own page.
  const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
  try {
    const page = await browser.newPage({
      viewport: { width, height: 800 },
      colorScheme: theme,
      deviceScaleFactor: scale,
    });
    const address = new URL(url);
    address.searchParams.set("refresh", "");
    await page.goto(address.href);
    await page.waitForFunction(allDrawn, undefined, { timeout: 60_000 });
    await page.screenshot({ path, fullPage: true, animations: "disabled" });
    return await page
      .locator('.panel:not([data-state="ok"]):not([data-state="clear"])')
      .evaluateAll((panels) => panels.map((panel) => panel.getAttribute("aria-label") ?? ""));
  } finally {
    await browser.close();
  }
}

/** Runs in the page. */
const allDrawn = (): boolean => {
  const panels = [...document.querySelectorAll<HTMLElement>(".panel")];
  return panels.length > 0 && panels.every(({ dataset }) => dataset.state !== "loading" && dataset.busy === undefined);
};
