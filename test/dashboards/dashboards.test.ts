// Which dashboards a stack has, and where they lead.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { finish } from "../../alerts/finish.ts";
import { topics } from "../../alerts/index.ts";
import { loadConfig } from "../../components/config.ts";
import { outsideUrl } from "../../components/spec.ts";
import { type DashboardInput, dashboardFiles, dashboards, panelFor, panelPath } from "../../dashboards/index.ts";
import { type Dashboard, panelsOf } from "../../dashboards/viewer/browser/model.ts";
import { billing, configOf, made, services, stacks } from "./made.ts";

const backup = {
  ...services[0],
  name: "prometheus-backup",
  about: "",
  owner: "platform",
  hasMetrics: false,
  ends: true,
  backsUp: "prometheus",
};
describe("the dashboards", () => {
  it("are the same for the same input", () => {
    expect(made({ demo: "true" })).toEqual(made({ demo: "true" }));
  });

  it("tell what each component costs on every platform, by what is measured there", () => {
    for (const platform of ["process", "docker", "kubernetes"]) {
      const stack = made({ platform }).find(({ uid }) => uid === "vitals-stack");
      const asked = (title: string) =>
        panelsOf(stack as Dashboard).find((panel) => panel.title === title)?.targets ?? [];
      const source = platform === "process" ? "supervisor_service_" : "process_";
      for (const [title, metric] of [
        ["Processor by service", "cpu_seconds_total"],
        ["Memory by service", "resident_memory_bytes"],
        ["Restarts", platform === "process" ? "restarts_total" : "start_time_seconds"],
      ] as const)
        expect(asked(title)[0]?.expr, `${platform}: ${title}`).toContain(source + metric);
      expect(asked("Cost by service"), platform).toHaveLength(4);
    }
  });

  it("leave out what an environment does not have", () => {
    const titles = (files: readonly Dashboard[]): readonly (string | undefined)[] =>
      files.flatMap(panelsOf).map(({ title }) => title);
    const exprs = (files: readonly Dashboard[]): string =>
      JSON.stringify(files.flatMap(panelsOf).map(({ targets }) => targets));
    expect(titles(stacks["with the demo"] ?? [])).toContain("Requests by service");
    expect(titles(stacks["without anything of its own"] ?? [])).not.toContain("Requests by service");
    expect(titles(stacks["without anything of its own"] ?? [])).toContain("Memory by service");
    expect(exprs(stacks["on Kubernetes"] ?? [])).not.toContain("supervisor_");
    expect(titles(stacks["on Kubernetes"] ?? [])).not.toContain("Disk free");
    expect(titles(stacks["with the demo"] ?? [])).not.toContain("billing: budget left, 30 days");
    expect(titles(stacks["with a service that has an objective"] ?? [])).toContain("billing: budget left, 30 days");
  });

  it("show PostgreSQL and Redis where db-stats has one, its own or one that somebody else runs", () => {
    const uids = (values: Readonly<Record<string, string>>) => made(values).map(({ uid }) => uid);
    const database = (kind: string) => ({
      databases: JSON.stringify([{ id: "billing", kind, address: "db.example.org:1", user: "vitals" }]),
    });
    expect(uids({ demo: "true" })).toContain("vitals-postgres");
    expect(uids({ demo: "true" })).toContain("vitals-cache");
    expect(uids({})).not.toContain("vitals-cache");
    expect(uids(database("postgres"))).toContain("vitals-postgres");
    expect(uids(database("redis"))).not.toContain("vitals-postgres");
    expect(uids({})).not.toContain("vitals-postgres");
    expect(uids({})).toContain("vitals-redis");
  });

  it("show the integrations where there are any, and mark in their graphs what vendors announce", () => {
    const shown = (values: Readonly<Record<string, string>>) =>
      made(values).find(({ uid }) => uid === "vitals-integrations");
    expect(shown({})).toBeUndefined();
    const one = { integrations: JSON.stringify([{ name: "payments", preset: "stripe" }]) };
    expect(shown(one)?.annotations?.list?.map(({ name }) => name)).toEqual(["Vendors' incidents", "Maintenance"]);
  });

  it("lead from every alert in a table to its runbook, where somebody serves these", () => {
    const runbooks = outsideUrl("integration-health/web", "/runbooks");
    const columns = (input: Partial<DashboardInput>) =>
      (Object.values(dashboardFiles({ config: configOf({}), services, ...input })) as unknown as readonly Dashboard[])
        .flatMap(panelsOf)
        .flatMap(({ title, fieldConfig }) =>
          (fieldConfig?.overrides ?? []).flatMap(({ matcher, properties }) =>
            properties.flatMap(({ id, value }) =>
              id === "links" && JSON.stringify(value).includes(JSON.stringify(runbooks))
                ? [`${title}: ${matcher.options}`]
                : [],
            ),
          ),
        );
    expect(columns({ runbooks })).toEqual([
      "What is wrong: Alert",
      "Noise by alert: Alert",
      "Longest under way: Alert",
    ]);
    expect(columns({})).toEqual([]);
  });

  it("have a line and a picture each in the documentation", () => {
    const docs = new URL("../../docs/", import.meta.url);
    const text = readFileSync(new URL("dashboards.md", docs), "utf8");
    for (const { name, title } of dashboards) {
      expect(text).toContain(`| [${title}](pictures/${name}.png) |`);
      expect(existsSync(new URL(`pictures/${name}.png`, docs)), name).toBe(true);
    }
  });

  it("are one file each, and each file is in the list", () => {
    const engine = [
      "costs",
      "database",
      "difference",
      "expressions",
      "finish",
      "gateway-processes",
      "grafana",
      "index",
      "integration-states",
      "link",
      "panels",
      "postgres-risks",
      "showing",
      "table",
      "variables",
      "verify",
      "verify-items",
      "watchers",
    ];
    const files = readdirSync(new URL("../../dashboards/", import.meta.url)).filter((name) => name.endsWith(".ts"));
    const leaves = files.map((name) => name.slice(0, -3)).filter((name) => !engine.includes(name));
    expect(dashboards.map(({ name }) => name).toSorted()).toEqual(leaves.toSorted());
  });

  it.each([
    // It measures nothing.
    ["of processes", { demo: "true", services: billing }, services, ["Watchdog"]],
    [
      "on Kubernetes",
      { platform: "kubernetes", demo: "true", backup: "{}", registry: "r.example.com/team" },
      [...services, backup],
      // No supervisor, so nothing that they could measure.
      ["ServiceFlapping", "Watchdog", "DiskFilling"],
    ],
  ] as const)(
    "are reached from every alert of a stack %s, by a panel that draws what it measures",
    (_, values, known, without) => {
      const input = { config: configOf(values), services: known };
      const files = Object.values(dashboardFiles(input)) as unknown as readonly Dashboard[];
      const nowhere = topics(input).flatMap(({ alerts }) =>
        alerts.flatMap((alert) => {
          const { path } = finish(alert, { panelFor: panelFor(input) }).annotations.dashboard_url as {
            readonly path: string;
          };
          const [, uid, id] = /^\/d\/([\w-]+)\?viewPanel=panel-(\d+)$/.exec(path) ?? [];
          const panel = files.find((file) => file.uid === uid)?.panels.find((each) => String(each.id) === id);
          return panel === undefined ? [alert.name] : [];
        }),
      );
      expect([...new Set(nowhere)]).toEqual(without);
    },
  );

  it("are preferred as an alert says, and Overview stands in for one that is not there", () => {
    const find = panelFor({ config: configOf({}), services });
    expect(find("up == 0", "vitals-stack")).toBe(panelPath("overview/targets-down"));
    for (const uid of ["vitals-redis", "vitals-overview"])
      expect(find("redis_up == 0", uid)).toMatch(`/d/${uid}?viewPanel=panel-`);
    expect(find("nobody_knows > 0", "vitals-stack")).toBe("/d/vitals-stack");
    expect(find("nobody_knows > 0", "vitals-integrations")).toBe("/d/vitals-overview");
  });
});

it("say nothing of what the configuration says of addresses, users, secrets and questions", () => {
  const config = loadConfig({
    environment: "dev",
    values: {
      databases: JSON.stringify([
        {
          id: "clinic",
          kind: "postgres",
          address: "mark-a.example:5432",
          user: "mark-user",
          passwordSecret: "markSecret",
        },
      ]),
      integrations: JSON.stringify([
        { name: "payments", probe: "http", url: "https://mark-b.example/mark-path", credentialSecret: "markKey" },
      ]),
      gateway: JSON.stringify({
        access: { issuer: "https://mark-e.example", audience: "mark-audience", jwksUrl: "https://mark-e.example/jwks" },
        upstreams: { "clinical-service": "https://mark-f.example" },
        errorReports: { dsnSecret: "markDsn", host: "mark-c.example" },
      }),
      pageReceiver: JSON.stringify({ kind: "webhook", urlSecret: "markPager", host: "mark-d.example" }),
      slackChannel: "#mark-channel",
    },
    secretKeys: ["markSecret", "markKey", "markDsn", "markPager"],
  });
  const text = JSON.stringify(dashboardFiles({ config, services }));
  expect(JSON.stringify(config).match(/mark/gi)?.length).toBeGreaterThan(8);
  expect(text.match(/.{20}mark[-A-Z].{20}/g)).toBeNull();
});
