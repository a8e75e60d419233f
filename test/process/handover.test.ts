// A supervisor alone, without an engine: what it leaves behind when it is asked to leave, and what it finds when it comes.
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { call, ensureSupervisor, shutDown, theSupervisor } from "../../components/platforms/process/client.ts";
import { layout } from "../../components/platforms/process/layout.ts";
import { readRecords } from "../../components/platforms/process/records.ts";
import { idle } from "../support/delivery.ts";
import { freePort, until } from "../support/ports.ts";
import { isRunning } from "../support/processes.ts";

const top = mkdtempSync(join(tmpdir(), "vitals-handover-"));
chmodSync(top, 0o711);
const root = join(top, "dev");

let settings: Parameters<typeof ensureSupervisor>[0];
beforeAll(async () => {
  settings = { root, stack: "dev", checkout: top, metricsPort: await freePort(), code: "1" };
  await call(await ensureSupervisor(settings), "POST", "apply", idle());
});
afterAll(async () => {
  await shutDown(theSupervisor(root));
  rmSync(top, { recursive: true, force: true });
});

const pids = () => readRecords(layout(root)).map(({ identity }) => identity?.pid ?? 0);

it("leaves everything running even when its look at the state folder is due at that very moment", async () => {
  const before = pids();
  const old = theSupervisor(root);
  // A socket that was removed comes back at the next look: so much is known of when it looks, every three seconds.
  rmSync(old.socket);
  await until(() => existsSync(old.socket));
  await new Promise((wait) => setTimeout(wait, 3_000 - 35));
  await ensureSupervisor({ ...settings, code: "2" });
  expect(theSupervisor(root).identity.pid).not.toBe(old.identity.pid);
  expect(pids()).toEqual(before);
  expect(before.filter(isRunning)).toEqual(before);
});

it("serves its metrics as soon as the service that had their port has moved", async () => {
  const { metricsPort } = settings;
  const before = theSupervisor(root);
  await ensureSupervisor({ ...settings, code: "3", metricsPort: await freePort() });
  const other = createServer().listen(metricsPort, "127.0.0.1");
  await once(other, "listening");
  await ensureSupervisor({ ...settings, code: "4" });
  expect(theSupervisor(root).identity.pid).not.toBe(before.identity.pid);
  other.close();
  await until(async () => {
    const answer = await fetch(`http://127.0.0.1:${metricsPort}/metrics`).catch(() => undefined);
    return (await answer?.text())?.includes('supervisor_service_ready{service="idle"} 1');
  });
});
