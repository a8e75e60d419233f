// Two real Prometheus and three real Alertmanagers as a medium environment configures them: they find each other, and tell each alert once.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
  const children: Child[] = [];
  const posts: string[] = [];
  let inbox: Server;
  let webs: Readonly<Record<string, string>> = {};

  beforeAll(async () => {
    inbox = createServer((request, response) => {
      let body = "";
      request.on("data", (part) => (body += part));
      request.on("end", () => {
        posts.push((JSON.parse(body) as { attachments: readonly { title: string }[] }).attachments[0]?.title ?? body);
        response.end("ok");
      });
    }).listen(0, "127.0.0.1");
    await new Promise((done) => inbox.once("listening", done));
    const webhook = `http://127.0.0.1:${(inbox.address() as AddressInfo).port}/`;
    const instances = await planned(folder);
    webs = Object.fromEntries(
      instances.map(({ instance, ports }) => [
        instance,
        `http://127.0.0.1:${ports.find(({ name }) => name === "web")?.number}`,
      ]),
    );
    for (const each of instances) children.push(start(each, webhook));
    for (const [instance, url] of Object.entries(webs)) await ready(instance, `${url}/-/ready`);
  }, 60_000);
  afterAll(async () => {
    await Promise.all(children.map((child) => child.end()));
    inbox?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("gossip among three members, and both Prometheus know all of them", async () => {
    for (const instance of ["alertmanager-0", "alertmanager-1", "alertmanager-2"])
      await until(async () => {
        const { cluster } = (await json(`${webs[instance]}/api/v2/status`)) as {
          cluster: { status: string; peers: readonly unknown[] };
        };
        expect(cluster).toMatchObject({ status: "ready" });
        expect(cluster.peers).toHaveLength(3);
      });
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
    // The last in line waits twice the peer timeout of 15 s, and then sees that it has been sent.
    await new Promise((done) => setTimeout(done, 40_000));
    expect(posts.toSorted()).toEqual([...new Set(posts)].toSorted());
    expect(posts).toHaveLength(5);
  }, 240_000);
});

/** The instances of a medium stack on ports that are free now. */
async function planned(root: string): Promise<readonly InstancePlan[]> {
  const config = configFor(
    {
      size: "medium",
      scrapeInterval: "1s",
      alertOverrides: { ServiceDown: { for: "2s" }, ServiceAbsent: { enabled: false } },
    },
    ["slackWebhookUrl"],
  );
  const stack = describeStack(config, { services: [], has: () => true });
  // Five replicas lie 1000 ports apart; a port that is free stands for its neighbours.
  const portOffset = ((await freePort()) % 20_000) + 20_000;
  const context = { root, portOffset, aliases: stack.aliases, codeHash: () => "" };
  return planProcesses(stack.specs, processBook(stack.specs, context), context)
    .services.filter(({ service }) => service === "prometheus" || service === "alertmanager")
    .flatMap(({ instances }) => instances);
}

function start({ run, args, env, files, dirs, secretFiles }: InstancePlan, webhook: string): Child {
  const write = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode: 0o600 });
  };
  for (const { path, content } of files)
    write(path, finish(content, () => webhook).replaceAll(/http:\/\/127\.0\.0\.1:\d+\/services\/vitals/g, webhook));
  for (const { path } of secretFiles) write(path, webhook);
  for (const dir of dirs) mkdirSync(dir, { recursive: true });
  const tool = "tool" in run ? run.tool : "";
  return startChild(findTool(tool)?.path ?? tool, args, { env: { ...env } });
}

const json = async (url: string): Promise<unknown> => (await fetch(url, { signal: AbortSignal.timeout(5_000) })).json();

const ready = (instance: string, url: string) =>
  until(
    async () =>
      expect([instance, (await fetch(url, { signal: AbortSignal.timeout(2_000) })).status]).toEqual([instance, 200]),
    40_000,
  );

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
