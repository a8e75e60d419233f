// Pictures of dashboards in the viewer, each once every panel of it has drawn.
import { chromium } from "playwright-core";

export interface PictureOptions {
  readonly theme: "light" | "dark";
  /** Of the window in pixels. */
  readonly width: number;
  /** Pixels of the picture for each of the window. */
  readonly scale: number;
}

export interface Camera {
  /** Writes a page's PNG to a path; tells the titles of the panels that show no data. */
  readonly take: (url: string, path: string) => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
}

/** A browser that takes pictures. `executablePath` is Chromium's. */
export async function openCamera(executablePath: string, { theme, width, scale }: PictureOptions): Promise<Camera> {
  // Debian's Chromium cannot build its sandbox for root, and it opens nothing but our own page.
  const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
  return {
    close: () => browser.close(),
    take: async (url, path) => {
      const page = await browser.newPage({
        viewport: { width, height: 800 },
        colorScheme: theme,
        deviceScaleFactor: scale,
      });
      try {
        const address = new URL(url);
        address.searchParams.set("refresh", "");
        await page.goto(address.href);
        await page.waitForFunction(allDrawn, undefined, { timeout: 60_000 });
        await page.screenshot({ path, fullPage: true, animations: "disabled" });
        return await page
          .locator('.panel:not([data-state="ok"]):not([data-state="clear"])')
          .evaluateAll((panels) => panels.map((panel) => panel.getAttribute("aria-label") ?? ""));
      } finally {
        await page.close();
      }
    },
  };
}

/** Runs in the page. */
const allDrawn = (): boolean => {
  const panels = [...document.querySelectorAll<HTMLElement>(".panel")];
  return panels.length > 0 && panels.every(({ dataset }) => dataset.state !== "loading" && dataset.busy === undefined);
};
