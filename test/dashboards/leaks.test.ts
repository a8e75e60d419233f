// Nothing that is not to be seen is in a page of the viewer or a picture of it; and what would be there would be found, wherever it is.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dashboards, dashboardUid } from "../../dashboards/index.ts";
import { mark } from "../e2e/canaries.ts";
import { keepDrawnText, metadataOf, secretsIn, textsOf } from "../support/page-text.ts";
import { missing, openPage, type Shown, showWorld, skipped, startProgram } from "./pages.ts";

const leaksIn = (texts: readonly string[]) => secretsIn(texts, [mark]);

describe.skipIf(missing !== undefined)(`what pages of dashboards say${skipped}`, () => {
  let shown: Shown;
  beforeAll(async () => {
    shown = await showWorld({ hours: 0.5 });
  });
  afterAll(() => shown?.end());

  it.each(dashboards.map(({ name }) => name))("has no secret and no marker on %s, nor in its picture", async (name) => {
    const { page, close } = await shown.open(`/d/${dashboardUid(name)}`, { before: keepDrawnText });
    const texts = await textsOf(page);
    // It looks where there is something to see: also at what is drawn.
    expect(texts.join("\n")).toContain(await page.locator(".panel h2").first().innerText());
    if ((await page.locator(".panel-timeseries").count()) > 0)
      expect(texts.some((text) => /^(?:\d\d:\d\d|\d+ [A-Z][a-z]{2})$/.test(text))).toBe(true);
    expect(leaksIn(texts)).toEqual([]);
    expect(metadataOf(await page.screenshot())).toEqual([]);
    await close();
  });

  const panel = { id: 1, type: "timeseries", title: "Up", gridPos: { x: 0, y: 0, w: 12, h: 8 } };
  const up = { refId: "A", expr: "up" };
  const labelled = `label_replace(up, "name", "${mark}", "", "")`;
  const places: readonly (readonly [string, object])[] = [
    ["a panel's title", { ...panel, title: mark, targets: [up] }],
    ["a panel's description", { ...panel, description: mark, targets: [up] }],
    ["a legend", { ...panel, targets: [{ ...up, expr: labelled, legendFormat: "{{name}}" }] }],
    ["a cell of a table", { ...panel, type: "table", targets: [{ ...up, expr: labelled, instant: true }] }],
    [
      "a word on a canvas",
      {
        ...panel,
        targets: [up],
        fieldConfig: { defaults: { unit: mark } },
        options: { legend: { showLegend: false } },
      },
    ],
    ["a state", { ...panel, type: "state-timeline", targets: [{ ...up, expr: labelled, legendFormat: "{{name}}" }] }],
    [
      "a link",
      {
        ...panel,
        type: "stat",
        targets: [up],
        fieldConfig: { defaults: { links: [{ title: "a", url: `/d/${mark}` }] } },
      },
    ],
    ["a data source's name", { ...panel, title: "postgres://clinic:hunter2@db/records", targets: [up] }],
  ];
  describe("in a dashboard that shows it", () => {
    let viewer: Awaited<ReturnType<typeof startProgram>>;
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "vitals-leaks-"));
      for (const [index, [, spoiled]] of places.entries())
        await writeFile(
          join(folder, `${index}.json`),
          JSON.stringify({ uid: `a${index}`, title: "A", panels: [spoiled] }),
        );
      viewer = await startProgram(folder, shown.world.url);
    });
    afterAll(async () => {
      await viewer?.end();
      await rm(folder, { recursive: true, force: true });
    });

    it.each(places.map(([place], index) => [place, index] as const))("would be found in %s", async (_, index) => {
      const { page, close } = await openPage(shown.browser, viewer.url, `/d/a${index}`, { before: keepDrawnText });
      expect(leaksIn(await textsOf(page))).not.toEqual([]);
      await close();
    });
  });

  it("is not in the pictures that the documentation has, and would be found there", async () => {
    const crcless = (kind: string, data: Buffer): Buffer => {
      const head = Buffer.alloc(8);
      head.writeUInt32BE(data.length);
      head.write(kind, 4, "latin1");
      return Buffer.concat([head, data, Buffer.alloc(4)]);
    };
    const picture = await readFile(new URL("../../docs/pictures/overview.png", import.meta.url));
    for (const kind of ["tEXt", "iTXt", "eXIf"]) {
      const spoiled = Buffer.concat([picture.subarray(0, 33), crcless(kind, Buffer.from(mark)), picture.subarray(33)]);
      expect(metadataOf(spoiled)).toEqual([`${kind}: ${mark}`]);
    }
    expect(metadataOf(Buffer.concat([picture.subarray(0, 33), crcless("zTXt", deflateSync(mark))]))).toHaveLength(1);
    for (const { name } of dashboards)
      expect(metadataOf(await readFile(new URL(`../../docs/pictures/${name}.png`, import.meta.url))), name).toEqual([]);
  });
});
