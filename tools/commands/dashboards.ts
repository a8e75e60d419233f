// Writes the dashboards as Grafana's JSON, or as pictures taken from a running viewer; tells what an export from Grafana changes of one.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadConfig } from "../../components/config.ts";
import { stackError } from "../../components/errors.ts";
import { differences, readExport, tell } from "../../dashboards/difference.ts";
import type { Dashboard } from "../../dashboards/grafana.ts";
import { dashboardFiles } from "../../dashboards/index.ts";
import type { PictureOptions } from "../../dashboards/viewer/picture.ts";
import { findBrowser } from "../browser.ts";
import { command, stackOption, UsageError } from "../stack/command.ts";
import { runningStack, urlIn } from "../stack/running.ts";

const help = `npm run dashboards -- --out DIR        the dashboards of a stack with the default configuration and the demo, as JSON
npm run dashboards -- --pictures DIR   a PNG of each dashboard of stack dev, by headless Chromium
npm run dashboards -- --diff FILE      what a dashboard that was exported from Grafana has else than the code; exit code 1 if anything
    --viewer URL    the viewer to take them from; default: the one of the running stack
    --theme light   or dark; default: light
    --width 1280    of the window in pixels
    --scale 2       pixels of the picture for each of them`;

const options = {
  ...stackOption,
  out: { type: "string" },
  pictures: { type: "string" },
  diff: { type: "string" },
  viewer: { type: "string" },
  theme: { type: "string", default: "light" },
  width: { type: "string", default: "1280" },
  scale: { type: "string", default: "2" },
} as const;

await command(help, options, async ({ values }) => {
  if (typeof values.diff === "string") return tellDifferences(values.diff);
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
    const scale = Number(values.scale);
    if (!(scale > 0 && scale <= 4)) throw new UsageError(`--scale ${values.scale} is not a number from 0 to 4.`);
    const viewer =
      typeof values.viewer === "string" ? values.viewer : urlIn(runningStack(String(values.stack)), "viewer", "web");
    await takePictures(values.pictures, viewer, { theme, width, scale });
  }
  return 0;
});

/** As one environment could have them that has everything. */
function everyDashboard(): ReturnType<typeof dashboardFiles> {
  const config = loadConfig({ environment: "dev", values: { demo: "true" }, secretKeys: [] });
  const services = ["redis", "prometheus", "alertmanager", "jaeger", "grafana", "gateway", "slack-relay"].map(
    (name) => ({
      name,
      owner: "platform",
      about: "",
      hasMetrics: true,
    }),
  );
  return dashboardFiles({ config, services });
}

async function writeJson(folder: string): Promise<void> {
  const files = Object.entries(everyDashboard());
  await mkdir(folder, { recursive: true });
  for (const [name, json] of files) await writeFile(join(folder, name), `${JSON.stringify(json, null, 2)}\n`);
  console.log(`${files.length} dashboards in ${folder}`);
}

async function tellDifferences(path: string): Promise<number> {
  const text = await readFile(path, "utf8").catch((error: Error) => {
    throw stackError(path, error.message, "Name a file that Grafana exported.");
  });
  const exported = readExport(text, path);
  const every = Object.values(everyDashboard()) as unknown as readonly Dashboard[];
  const code = every.find(({ uid }) => uid === exported.uid);
  if (code === undefined)
    throw stackError(
      path,
      `no dashboard of ours has the uid ${exported.uid}`,
      `Those there are: ${every.map(({ uid }) => uid).join(", ")}.`,
    );
  const found = differences(code, exported);
  const file = `dashboards/${exported.uid.replace(/^vitals-/, "")}.ts`;
  console.log(
    found.length === 0
      ? `${exported.uid}: as in the code`
      : `${exported.uid}: - the code (${file})  + ${path}\n\n${found.map(tell).join("\n")}\n\n${found.length} differences`,
  );
  return found.length === 0 ? 0 : 1;
}

async function takePictures(folder: string, viewer: string, look: PictureOptions): Promise<void> {
  const executablePath = findBrowser();
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
  const { openCamera } = await import("../../dashboards/viewer/picture.ts");
  await mkdir(folder, { recursive: true });
  const camera = await openCamera(executablePath, look);
  try {
    for (const { uid, url } of list) {
      const path = join(folder, `${uid.replace(/^vitals-/, "")}.png`);
      const notDrawn = await camera.take(new URL(url, viewer).href, path);
      console.log(`${path}${notDrawn.length === 0 ? "" : `  without data: ${notDrawn.join(", ")}`}`);
    }
  } finally {
    await camera.close();
  }
}
