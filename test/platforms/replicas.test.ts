// Two real Prometheus and three real Alertmanagers as a medium environment configures them: they find each other, and tell each alert once.
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { finish } from "../../components/platforms/content.ts";
import { type InstancePlan, planProcesses, processBook } from "../../components/platforms/process/plan.ts";
import { describe as describeStack } from "../../components/stack.ts";
import { findTool } from "../../tools/resolve.ts";
import { type Child, startChild } from "../support/children.ts";
import { freePort } from "../support/ports.ts";
import { configFor } from "./kubernetes-stacks.ts";

const missing = ["prometheus", "alertmanager"].filter((tool) => findTool(tool) === undefined);
const why = missing.length === 0 ? "" : ` (skipped: ${missing.join(", ")} not there, npm run tools -- get)`;

describe.skipIf(missing.length > 0)(`a pair of Prometheus and three Alertmanagers${why}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "vitals-replicas-"));
  const running = new Map<string, Child>();
  const posts: string[] = [];
  const bodies: string[] = [];
  let webhook = "";
  let instances: readonly InstancePlan[] = [];
  let inbox: Server;
  let webs: Readonly<Record<string, string>> = {};

  beforeAll(async () => {
    inbox = createServer((request, response) => {
      let body = "";
      request.on("data", (part) => (body += part));
      request.on("end", () => {
        bodies.push(body);
        posts.push((JSON.parse(body) as { attachments: readonly { title: string }[] }).attachments[0]?.title ?? body);
        response.end("ok");
      });
    }).listen(0, "127.0.0.1");
    await new Promise((done) => inbox.once("listening", done));
    webhook = `http://127.0.0.1:${(inbox.address() as AddressInfo).port}/`;
    instances = await planned(folder);
    webs = Object.fromEntries(
      instances.map(({ instance, ports }) => [
        instance,
        `http://127.0.0.1:${ports.find(({ name }) => name === "web")?.number}`,
      ]),
    );
    for (const each of instances) {
      write(each, webhook);
      running.set(each.instance, start(each));
    }
    for (const { instance } of instances) await ready(instance);
  }, 60_000);
  afterAll(async () => {
    await Promise.all([...running.values()].map((child) => child.end()));
    inbox?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const ready = (instance: string) =>
    until(async () => {
      const { status } = await fetch(`${webs[instance]}/-/ready`, { signal: AbortSignal.timeout(2_000) });
      expect([instance, status]).toEqual([instance, 200]);
    }, 40_000);

  /** Until each of them knows all of them, and nobody else. */
  const gossip = async (...members: readonly string[]): Promise<void> => {
    for (const instance of members)
      await until(async () => {
        const { cluster } = (await json(`${webs[instance]}/api/v2/status`)) as {
          cluster: { status: string; peers: readonly unknown[] };
        };
        expect(cluster).toMatchObject({ status: "ready" });
        expect(cluster.peers).toHaveLength(members.length);
      });
  };

  it("gossip among three members, and both Prometheus know all of them", async () => {
    await gossip("alertmanager-0", "alertmanager-1", "alertmanager-2");
    for (const instance of ["prometheus-0", "prometheus-1"])
      await until(async () => {
        const { data } = (await json(`${webs[instance]}/api/v1/alertmanagers`)) as {
          data: { activeAlertmanagers: readonly unknown[] };
        };
        expect(data.activeAlertmanagers).toHaveLength(3);
      });
  });

  it("label what they store by replica", async () => {
    for (const ordinal of [0, 1]) {
      const { data } = (await json(`${webs[`prometheus-${ordinal}`]}/api/v1/status/config`)) as {
        data: { yaml: string };
      };
      expect(data.yaml).toContain(`replica: prometheus-${ordinal}`);
    }
  });

  it("hold each alert once in every Alertmanager, whichever Prometheus tells it, and post each once", async () => {
    await until(async () => {
      for (const ordinal of [0, 1]) {
        const { data } = (await json(`${webs[`prometheus-${ordinal}`]}/api/v1/alerts`)) as {
          data: { alerts: readonly { state: string; labels: { alertname: string } }[] };
        };
        expect(
          data.alerts.filter(({ state, labels }) => state === "firing" && labels.alertname === "ServiceDown").length,
        ).toBe(5);
      }
    }, 60_000);
    for (const ordinal of [0, 1, 2])
      await until(async () => {
        const alerts = (await json(`${webs[`alertmanager-${ordinal}`]}/api/v2/alerts`)) as readonly {
          labels: Record<string, string>;
        }[];
        const down = alerts.filter(({ labels }) => labels.alertname === "ServiceDown");
        expect(down.map(({ labels }) => labels.service).toSorted()).toEqual([
          "db-stats",
          "grafana",
          "integration-health",
          "jaeger",
          "slack-relay",
        ]);
        for (const { labels } of down) expect(labels).not.toHaveProperty("replica");
      }, 30_000);
    await until(() => expect(posts.length).toBeGreaterThanOrEqual(5), 90_000);
    await pause(2 * peerSeconds + 2);
    expect(posts.toSorted()).toEqual([...new Set(posts)].toSorted());
    expect(posts).toHaveLength(5);
  }, 240_000);

  it("tell nothing again, and nothing as over, when each of them is started anew while alerts fire", async () => {
    for (const each of instances) {
      await running.get(each.instance)?.end();
      running.set(each.instance, start(each));
      await ready(each.instance);
    }
    // Prometheus has told all of it again, and every group has had its turn.
    await pause(resendSeconds + groupSeconds + 2 * peerSeconds);
    expect(posts.slice(5)).toEqual([]);
  }, 240_000);

  it("tell what begins to fire once, and to the end, when the Alertmanager that would have is killed", async () => {
    await running.get("alertmanager-0")?.end("SIGKILL");
    // While they find out, the two that are left may both take the same turn: each is told at least once, and not only once.
    await gossip("alertmanager-1", "alertmanager-2");
    const own = instances.filter(({ instance }) => instance.startsWith("prometheus"));
    for (const each of own) {
      addRule(each);
      process.kill(running.get(each.instance)?.pid ?? 0, "SIGHUP");
    }
    const expected = ["[PAGE] DiskBroken redis", "[PAGE] ServiceDown alertmanager"];
    await until(() => expect(posts.slice(5).toSorted()).toEqual(expected), 60_000);
    await pause(2 * peerSeconds + 2);
    expect(posts.slice(5).toSorted()).toEqual(expected);
    // Whatever a series says of a person ends in Prometheus.
    const told = JSON.stringify(await json(`${webs["alertmanager-1"]}/api/v2/alerts`));
    expect(told).toContain("DiskBroken");
    expect(bodies.filter((body) => body.includes("DiskBroken"))).toHaveLength(1);
    for (const seen of [told, ...bodies]) expect(seen).not.toContain(mark);
    expect(JSON.stringify(await json(`${webs["prometheus-0"]}/api/v1/alerts`))).toContain(mark);
  }, 240_000);

  it("watch each other: that one Prometheus is gone is told by the other", async () => {
    await running.get("prometheus-1")?.end("SIGKILL");
    await until(() => expect(posts.slice(7)).toEqual(["[PAGE] ServiceDown prometheus"]), 60_000);
  }, 240_000);
});

/** Shorter than as shipped, so that a test can wait for them: who is next in line, what is told again, when a group has its turn. */
const [peerSeconds, resendSeconds, groupSeconds] = [4, 5, 10] as const;
const hurried: Readonly<Record<string, readonly string[]>> = {
  alertmanager: [`--cluster.peer-timeout=${peerSeconds}s`, "--dispatch.start-delay=5s"],
  prometheus: [`--rules.alert.resend-delay=${resendSeconds}s`],
};

const mark = "qcanaryphiq";

const pause = (seconds: number): Promise<void> => new Promise((done) => setTimeout(done, seconds * 1_000));

/** The instances of a medium stack on ports that are free now. */
async function planned(root: string): Promise<readonly InstancePlan[]> {
  const config = configFor(
    {
      size: "medium",
      scrapeInterval: "1s",
      alertOverrides: { ServiceDown: { for: "10s" }, ServiceAbsent: { enabled: false } },
    },
    ["slackWebhookUrl"],
  );
  const stack = describeStack(config, { services: [], has: () => true });
  // Replicas lie 1000 ports apart; all stay below those that the system gives to whoever asks for any.
  const portOffset = ((await freePort()) % 9_000) + 10_000;
  const context = { root, portOffset, aliases: stack.aliases, codeHash: () => "" };
  return planProcesses(stack.specs, processBook(stack.specs, context), context)
    .services.filter(({ service }) => service === "prometheus" || service === "alertmanager")
    .flatMap(({ instances }) => instances);
}

function write({ files, dirs, secretFiles }: InstancePlan, webhook: string): void {
  const put = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode: 0o600 });
  };
  for (const { path, content } of files)
    put(
      path,
      finish(content, () => webhook)
        .replaceAll(/http:\/\/127\.0\.0\.1:\d+\/services\/vitals/g, webhook)
        .replaceAll("group_interval: 30s", `group_interval: ${groupSeconds}s`),
    );
  for (const { path } of secretFiles) put(path, webhook);
  for (const dir of dirs) mkdirSync(dir, { recursive: true });
}

/** An alert that fires at once, in one of the files of rules. */
function addRule({ files }: InstancePlan): void {
  const path = files.find((file) => file.path.endsWith("services.rules.yaml"))?.path ?? "";
  const labels = `{ severity: page, service: redis, owner: platform, patient: ${mark} }`;
  const rule = `\n  - name: later\n    rules:\n      - { alert: DiskBroken, expr: vector(1), labels: ${labels} }\n`;
  appendFileSync(path, rule);
}

function start({ run, args, env, service }: InstancePlan): Child {
  const tool = "tool" in run ? run.tool : "";
  return startChild(
    findTool(tool)?.path ?? tool,
    [...args.filter((arg) => !overruled(service, arg)), ...(hurried[service] ?? [])],
    {
      env: { ...env },
    },
  );
}

const overruled = (service: string, arg: string): boolean =>
  (hurried[service] ?? []).some((own) => own.split("=")[0] === arg.split("=")[0]);

const json = async (url: string): Promise<unknown> => (await fetch(url, { signal: AbortSignal.timeout(5_000) })).json();

/** Tries until it holds; fails with the last reason. */
async function until(holds: () => void | Promise<void>, withinMs = 30_000): Promise<void> {
  const end = Date.now() + withinMs;
  for (;;) {
    try {
      return await holds();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await new Promise((done) => setTimeout(done, 250));
  }
}
