// The steps of docs/dashboards.md that bring the dashboards into another Grafana: one on PATH, or a server that keeps what it is given.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { differences, readExport, tell } from "../../dashboards/difference.ts";
import type { Dashboard } from "../../dashboards/grafana.ts";
import { dashboards, dashboardUid } from "../../dashboards/index.ts";
import { findTool } from "../../tools/resolve.ts";
import { type Child, startChild } from "../support/children.ts";
import { freePort, until } from "../support/ports.ts";

interface Grafana {
  readonly url: string;
  readonly token: string;
  /** What its API answers for a dashboard. */
  readonly exported: (uid: string) => Promise<string>;
  readonly stop: () => Promise<unknown>;
}

const root = new URL("../../", import.meta.url).pathname;
const tool = findTool("grafana");

describe(`dashboards in another Grafana${tool === undefined ? " (a server that keeps them: no grafana on PATH)" : ""}`, () => {
  let folder: string;
  let grafana: Grafana;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitals-grafana-"));
    grafana = await (tool === undefined ? startKeeper() : startGrafana(tool.path, folder));
  });
  afterAll(async () => {
    await grafana?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("are there after the documented steps, and are as in the code, also when they are done again", async () => {
    const steps = await documented();
    expect(steps).toMatch(/--out dashboards-json[\s\S]*api\/dashboards\/db/);
    // The command from where it is; everything else as it is written.
    const script = steps.replace(
      "npm run dashboards --",
      `"${process.execPath}" "${root}tools/commands/dashboards.ts"`,
    );
    for (let time = 0; time < 2; time++)
      await promisify(execFile)("/bin/sh", ["-ec", script], {
        cwd: folder,
        env: { ...process.env, GRAFANA_URL: grafana.url, GRAFANA_TOKEN: grafana.token },
      });
    for (const { name } of dashboards) {
      const code = JSON.parse(await readFile(join(folder, `dashboards-json/${name}.json`), "utf8")) as Dashboard;
      const text = await grafana.exported(dashboardUid(name));
      expect(differences(code, readExport(text, name)).map(tell)).toEqual([]);
    }
  });
});

/** The indented blocks of the section, one after the other. */
async function documented(): Promise<string> {
  const text = await readFile(join(root, "docs/dashboards.md"), "utf8");
  const section = /^## Another Grafana\n([\s\S]*?)^## /m.exec(text)?.[1] ?? "";
  return section
    .split("\n")
    .filter((line) => line.startsWith("    "))
    .map((line) => line.slice(4))
    .join("\n");
}

const password = "for-this-test-alone";

async function startGrafana(path: string, folder: string): Promise<Grafana> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child: Child = startChild(path, ["server", ...(tool?.home === undefined ? [] : ["--homepath", tool.home])], {
    env: {
      ...process.env,
      GF_SERVER_HTTP_ADDR: "127.0.0.1",
      GF_SERVER_HTTP_PORT: String(port),
      GF_PATHS_DATA: join(folder, "data"),
      GF_PATHS_LOGS: join(folder, "logs"),
      GF_SECURITY_ADMIN_PASSWORD: password,
      GF_ANALYTICS_REPORTING_ENABLED: "false",
      GF_ANALYTICS_CHECK_FOR_UPDATES: "false",
      GF_PLUGINS_PREINSTALL_DISABLED: "true",
    },
  });
  await until(
    () =>
      fetch(`${url}/api/health`).then(
        ({ ok }) => ok,
        () => false,
      ),
    60_000,
  );
  const api = async (path: string, body?: object): Promise<string> => {
    const response = await fetch(`${url}/api/${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        authorization: `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`,
        "content-type": "application/json",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    expect(response.ok, text).toBe(true);
    return text;
  };
  const { id } = JSON.parse(await api("serviceaccounts", { name: "dashboards", role: "Editor" })) as { id: number };
  const { key } = JSON.parse(await api(`serviceaccounts/${id}/tokens`, { name: "dashboards" })) as { key: string };
  return { url, token: key, exported: (uid) => api(`dashboards/uid/${uid}`), stop: () => child.end() };
}

/** Takes what Grafana takes, with a token alone, and shows it with a number and a version. */
async function startKeeper(): Promise<Grafana> {
  const token = "a-token";
  const kept = new Map<string, { readonly uid: string; readonly version: number }>();
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const part of request.setEncoding("utf8")) text += part;
    if (request.headers.authorization !== `Bearer ${token}`) return void response.writeHead(401).end();
    if (request.method !== "POST" || request.url !== "/api/dashboards/db") return void response.writeHead(404).end();
    const { dashboard, overwrite } = JSON.parse(text) as { dashboard: { uid: string }; overwrite?: boolean };
    const before = kept.get(dashboard.uid);
    if (before !== undefined && overwrite !== true) return void response.writeHead(412).end();
    kept.set(dashboard.uid, { ...dashboard, version: (before?.version ?? 0) + 1 });
    response.end('{"status":"success"}');
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    exported: async (uid) => JSON.stringify({ meta: {}, dashboard: kept.get(uid) }),
    stop: async () => server.close(),
  };
}
