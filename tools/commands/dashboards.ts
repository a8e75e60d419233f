// Writes the dashboards as Grafana's JSON, or as pictures taken from a running viewer.
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadConfig } from "../../components/config.ts";
import { stackError } from "../../components/errors.ts";
import { dashboardFiles } from "../../dashboards/index.ts";
import { command, stackOption, UsageError } from "../stack/command.ts";
import { runningStack, urlIn } from "../stack/running.ts";

const help = `npm run dashboards -- --out DIR        the dashboards of a stack with the default configuration and the demo, as JSON
npm run dashboards -- --pictures DIR   a PNG of each dashboard of stack dev, by headless Chromium
    --viewer URL    the viewer to take them from; default: the one of the running stack
    --theme light   or dark; default: light
    --width 1280    of the window in pixels`;

const options = {
  ...stackOption,
  out: { type: "string" },
  pictures: { type: "string" },
  viewer: { type: "string" },
  theme: { type: "string", default: "light" },
  width: { type: "string", default: "1280" },
} as const;

const browsers = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

await command(help, options, async ({ values }) => {
  if (typeof values.out !== "string" && typeof values.pictures !== "string") {
    console.error(help);
    return 2;
  }
  if (typeof values.out === "string") await writeJson(values.out);
  if (typeof values.pictures === "string") {
    const { theme } = values;
    const width = Number(values.width);
    if (theme !== "light" && theme !== "dark") throw new UsageError(`--theme ${theme} is neither light nor dark.`);
    if (!Number.isInteger(width) || width < 1)
      throw new UsageError(`--width ${values.width} is not a number of pixels.`);
    const viewer =
      typeof values.viewer === "string" ? values.viewer : urlIn(runningStack(String(values.stack)), "viewer", "web");
    await takePictures(values.pictures, viewer, theme, width);
  }
  return 0;
});

async function writeJson(folder: string): Promise<void> {
  const config = loadConfig({ environment: "dev", values: { demo: "true" }, secretKeys: [] });
  const services = ["redis", "prometheus", "alertmanager", "jaeger", "grafana"].map((name) => ({
    name,
    owner: "platform",
    about: "",
    hasMetrics: true,
  }));
  const files = Object.entries(dashboardFiles({ config, services }));
  await mkdir(folder, { recursive: true });
  for (const [name, json] of files) await writeFile(join(folder, name), `${JSON.stringify(json, null, 2)}\n`);
  console.log(`${files.length} dashboards in ${folder}`);
}

async function takePictures(folder: string, viewer: string, theme: "light" | "dark", width: number): Promise<void> {
  const executablePath = browsers.find((path) => path !== undefined && existsSync(path));
  if (executablePath === undefined)
    throw stackError(
      "pictures",
      "no Chromium is installed",
      "Install it (apt-get install chromium), or name it in CHROMIUM.",
    );
  const response = await fetch(new URL("/api/search", viewer)).catch(() => undefined);
  const list =
    response?.ok === true ? ((await response.json()) as readonly { readonly uid: string; readonly url: string }[]) : [];
  if (list.length === 0)
    throw stackError(viewer, "shows no dashboards", "Start the stack (npm start), or name a viewer: --viewer URL.");
  const { picture } = await import("../../dashboards/viewer/picture.ts");
  await mkdir(folder, { recursive: true });
  for (const { uid, url } of list) {
    const path = join(folder, `${uid.replace(/^vitals-/, "")}.png`);
    const notDrawn = await picture({ executablePath, url: new URL(url, viewer).href, path, theme, width });
    console.log(`${path}${notDrawn.length === 0 ? "" : `  without data: ${notDrawn.join(", ")}`}`);
  }
}
