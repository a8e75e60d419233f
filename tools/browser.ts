// Where a browser is that pages are looked at with: Chromium, or one made of it.
import { existsSync } from "node:fs";

const paths = [
  process.env.CHROMIUM,
  // Chromium without windows: a page costs it a third of what it costs the whole.
  "/usr/bin/chromium-headless-shell",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** The program's path; undefined where none is installed. */
export const findBrowser = (): string | undefined => paths.find((path) => path !== undefined && existsSync(path));
