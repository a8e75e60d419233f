// The runbooks as pages, so that a link in an alert leads to what to do, wherever the alert is read.
import { readFile } from "node:fs/promises";
import { marked } from "marked";
import type { Page, Route } from "../exporter.ts";

const folder = new URL("../../docs/runbooks/", import.meta.url);
/** An alert's name: it becomes a file name, so nothing else may pass. */
const alertName = /^[A-Z][A-Za-z0-9]{1,80}$/;

export const runbookRoutes: Readonly<Record<string, Route>> = {
  "/runbooks/:alert": async ({ params }) => {
    // The pages link to each other as files, so that they also work in a repository.
    const alert = (params.alert ?? "").replace(/\.md$/, "");
    const text = alertName.test(alert) ? await readPage(alert) : undefined;
    return text === undefined
      ? page(404, "No such runbook", "<h1>No such runbook</h1>")
      : page(200, alert, await marked.parse(text));
  },
};

const readPage = (alert: string): Promise<string | undefined> =>
  readFile(new URL(`${alert}.md`, folder), "utf8").catch(() => undefined);

const style = `body { font: 16px/1.55 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 0.92em ui-monospace, monospace; background: #8882; border-radius: 4px; padding: 0.1em 0.3em; }
pre { padding: 0.8em 1em; overflow-x: auto; } pre code { background: none; padding: 0; }
:root { color-scheme: light dark; }`;

const page = (status: number, title: string, body: string): Page => ({
  status,
  contentType: "text/html; charset=utf-8",
  headers: { "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'" },
  body: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style>${style}</style></head><body>${body}</body></html>
`,
});
