// What holds for every alert: its expression, its proofs, its words, its runbook; and what a person may override.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { finish, runbookPage } from "../../alerts/finish.ts";
import { frontOf, overrideProblems, proofFiles, ruleFiles, topics } from "../../alerts/index.ts";
import { labelsTold } from "../../alerts/labels.ts";
import { slackTemplate } from "../../alerts/message.ts";
import { differences } from "../../alerts/overrides.ts";
import { readsCounters, restartProofs, samplesOf } from "../../alerts/restarts.ts";
import { type Alert, type Duty, type Proof, staticLabels } from "../../alerts/rule.ts";
import type { Tree } from "../../components/spec.ts";
import { seconds } from "../../components/units.ts";
import { checkExpression, labelsOfExpression } from "../../telemetry/promql-check.ts";
import { withServiceNames } from "../../tools/rules/names.ts";
import { config, sample } from "./tools.ts";

const root = resolve(import.meta.dirname, "../..");
const all = topics(sample).flatMap(({ alerts, step }) =>
  alerts.map((alert) => ({ alert, step: seconds(step ?? "15s") })),
);
const named = all.map(
  ({ alert, step }) => [`${alert.name} ${alert.service} ${alert.labels?.window ?? ""}`.trim(), alert, step] as const,
);
const names = [...new Set(all.map(({ alert }) => alert.name))];

interface Rule {
  readonly expr: string;
  readonly alert: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
const rulesOf = (files: Readonly<Record<string, Tree>>): readonly Rule[] =>
  Object.values(files)
    .flatMap(
      (file) => (withServiceNames(file) as unknown as { groups: { rules: Partial<Rule>[] }[] }).groups[0]?.rules ?? [],
    )
    .filter((rule): rule is Rule => rule.alert !== undefined);

describe.each(named)("%s", (_name, alert, step) => {
  it("asks for what the catalogue has", () => {
    expect(checkExpression(alert.expr.text)).toEqual([]);
  });

  it("uses only labels that its expression leaves", () => {
    const left = labelsOfExpression(alert.expr.text);
    const texts = [alert.summary, alert.action, alert.traces ?? "", ...Object.values(staticLabels(alert))].join(" ");
    for (const [, label = ""] of texts.matchAll(/\$labels\.(\w+)/g)) expect(left).toContain(label);
    expect(Object.values(staticLabels(alert)).join()).not.toContain("$value");
  });

  it("has a name, a sentence that says what, and one that says what to do", () => {
    expect(alert.name).toMatch(/^[A-Z][A-Za-z]{2,39}$/);
    expect(alert.summary).toMatch(/^[A-Za-z{].*\.$/);
    expect(alert.action).toMatch(/^[A-Z].*\.$/);
  });

  it("is proven in both states and in its end, without its series, with counters that start anew, and at the instants either side of its time", () => {
    const met: Record<Duty, boolean> = {
      firing: instantsOf(alert).some(({ firing }) => firing),
      silent: instantsOf(alert).some(({ firing }) => !firing),
      resolve: instantsOf(alert).some(
        (first) =>
          first.firing &&
          instantsOf(alert).some(({ proof, at, firing }) => proof === first.proof && at > first.at && !firing),
      ),
      reset: !readsCounters(alert) || restartProofs(alert, `${step}s`).some(fallsWithin),
      missing: alert.proofs.some(({ given }) => given.some(({ values }) => /^_x\d+$/.test(values))),
      boundary: hasStep(alert, step, false, true) && hasStep(alert, step, true, false),
    };
    for (const [duty, fulfilled] of Object.entries(met) as [Duty, boolean][])
      expect({ duty, proven: fulfilled, exempt: alert.exempt?.[duty] !== undefined }).toEqual({
        duty,
        proven: fulfilled,
        exempt: !fulfilled,
      });
  });
});

describe("runbooks", () => {
  it("exist for each alert, and each belongs to one", () => {
    const pages = readdirSync(join(root, "docs/runbooks")).map((file) => file.replace(/\.md$/, ""));
    expect(pages.toSorted()).toEqual(names.toSorted());
  });

  it.each(names)("%s says what it means, what to look at first and how to heal", (name) => {
    const text = readFileSync(join(root, runbookPage(name)), "utf8");
    expect(text).toMatch(new RegExp(`^# ${name}\n`));
    for (const heading of ["## What it means", "## First check", "## How to heal", "## Links"])
      expect(text).toContain(heading);
    for (const [, target = ""] of text.matchAll(/\]\(([^)#]+)\)/g))
      expect([target, existsSync(join(root, "docs/runbooks", target))]).toEqual([target, true]);
  });
});

describe("what an alert takes to people", () => {
  it("are the labels that alerts have, and those that overrides give them, and no other", () => {
    const had = all.flatMap(({ alert }) => [
      ...labelsOfExpression(alert.expr.text),
      ...Object.keys(staticLabels(alert)),
    ]);
    expect(labelsTold(config({})).toSorted()).toEqual([...new Set([...had, "alertname", "environment"])].toSorted());
    expect(labelsTold(config({ alertOverrides: { RedisDown: { labels: { team: "data" } } } }))).toContain("team");
  });

  it("are in an alert's own text only those; another is refused", () => {
    const [{ alert }] = all as [(typeof all)[number]];
    for (const text of ["summary", "action"] as const)
      expect(() => finish({ ...alert, [text]: "{{ $labels.job }} of {{ $labels.usename }}" }, {})).toThrow(
        "its text names the label usename",
      );
    expect(finish({ ...alert, summary: "{{ $labels.job }}" }, {}).annotations.summary).toBe("{{ $labels.job }}");
  });

  it("are in the text of a message only those that are named here", () => {
    const asked = [
      ...JSON.stringify(slackTemplate).matchAll(
        /\.(?:Common|Group)?(Labels|Annotations)\.(\w+)|\.(\w*Labels|\w*Annotations)\b/g,
      ),
    ];
    expect([...new Set(asked.map(([, kind, name]) => `${kind} ${name}`))].toSorted()).toEqual([
      "Annotations action",
      "Annotations dashboard_url",
      "Annotations reading",
      "Annotations runbook_url",
      "Annotations summary",
      "Annotations traces_url",
      "Labels alertname",
      "Labels owner",
      "Labels service",
      "Labels severity",
    ]);
  });
});

describe("rule files", () => {
  it("have a test file each", () => {
    expect(Object.keys(proofFiles(sample)).map((name) => name.replace("test", "rules"))).toEqual(
      Object.keys(ruleFiles(sample)),
    );
  });

  it("give every rule its severity, owner, service, words and links", () => {
    const rules = rulesOf(ruleFiles(sample));
    expect(rules).toHaveLength(all.length);
    for (const { labels, annotations } of rules) {
      expect(["page", "ticket", "info"]).toContain(labels.severity);
      for (const label of ["owner", "service"]) expect(labels[label]).toBeTruthy();
      for (const each of ["summary", "action", "runbook_url"]) expect(annotations[each]).toBeTruthy();
      expect(annotations.dashboard_url).toMatch(/^http:\/\/grafana\/d\//);
    }
  });

  it("say when an alert fires, in the unit of its value, where that is a number", () => {
    const words = Object.fromEntries(
      rulesOf(ruleFiles(sample)).map(({ alert, annotations }) => [alert, annotations.threshold]),
    );
    expect(words).toMatchObject({
      DiskFilling: "below 10%",
      RedisDown: "at 0",
      ServiceFlapping: "above 2.5",
      PostgresWraparoundNear: "above 1G",
      PostgresArchiveFailing: "above 0",
      PostgresConnectionsExhausted: "at or above 95%",
      PostgresSlotRetains: "above 10Gi",
      RedisCommandsSlow: "above 5ms",
      SpansDropped: "above 0",
    });
    // They compare with another series, or with nothing.
    const silent = Object.keys(words).filter((alert) => words[alert] === undefined);
    expect(silent.toSorted()).toEqual([
      "AlertmanagerClusterSplit",
      "BackupOverdue",
      "IntegrationUnchecked",
      "ServiceAbsent",
      "Watchdog",
    ]);
  });

  it("say what the value counts, of a flag which it is and in which state, and nothing of what is always the same", () => {
    const rules = rulesOf(ruleFiles(sample));
    const readings = Object.fromEntries(rules.map(({ alert, annotations }) => [alert, annotations.reading]));
    expect(readings).toMatchObject({
      DiskFilling: "Free: {{ $value | humanizePercentage }} (fires below 10%)",
      ServiceDown: "`up` is {{ $value | humanize }}",
      PrometheusConfigRefused: "`prometheus_config_last_reload_successful` is {{ $value | humanize }}",
      IntegrationKeyRefused: "`integration_own_failure` is {{ $value | humanize }}",
      AlertmanagerClusterSplit: "Members seen: {{ $value | humanize }}",
    });
    for (const reading of Object.values(readings)) expect(reading ?? "").not.toMatch(/^Value/);
    const silent = rules.filter(({ annotations }) => annotations.reading === undefined);
    expect([...new Set(silent.map(({ alert }) => alert))]).toEqual(["ServiceAbsent", "Watchdog", "BackupOverdue"]);
    for (const { annotations } of silent) expect(annotations.value).toBeUndefined();
    for (const { annotations } of rules) if (annotations.reading) expect(annotations.value).toContain("$value");
  });

  it("lead to the traces of what is ill, else of the requests that fail, where anybody makes traces", () => {
    const front = frontOf({ config: config({}), services: [{ name: "gateway", owner: "platform", hasMetrics: true }] });
    const rules = rulesOf(ruleFiles({ ...sample, links: front }));
    const search = (name: string) =>
      new URL(rules.find(({ alert }) => alert === name)?.annotations.traces_url ?? "").searchParams;
    expect(Object.fromEntries(search("RedisDown"))).toEqual({
      service: "gateway",
      tags: '{"error":"true"}',
      lookback: "1h",
    });
    expect(Object.fromEntries(search("CacheFallbackActive"))).toEqual({
      service: "{{ $labels.job }}",
      lookback: "1h",
    });
    for (const { annotations } of rules) expect(annotations.traces_url).toMatch(/^http:\/\/jaeger\/search\?service=/);
    const without = ruleFiles({ config: config({}), services: [] });
    expect(rulesOf(without).find(({ alert }) => alert === "RedisDown")?.annotations.traces_url).toBeUndefined();
    expect(frontOf(sample)).toEqual({ front: "billing" });
  });

  it("link to served runbooks when there is a server of them", () => {
    const links = { runbooks: { $: "at", to: "pages/web", as: "url", side: "outside", path: "/runbooks" } } as const;
    const [rule] = rulesOf(ruleFiles({ ...sample, links }));
    expect(rule?.annotations.runbook_url).toBe(`http://pages/runbooks/${rule?.alert}`);
  });

  it("tell that Slack is told nothing exactly where nobody has said where messages go", () => {
    const told = (values: Readonly<Record<string, unknown>>, ...secrets: readonly string[]) =>
      rulesOf(ruleFiles({ config: config(values, secrets), services: [] })).some(
        ({ alert }) => alert === "SlackNotConfigured",
      );
    expect(told({})).toBe(true);
    expect([told({ demo: "true" }), told({}, "slackWebhookUrl"), told({}, "slackBotToken")]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it("watch the person's own services without an objective by their scrapes alone", () => {
    const own = { name: "kiosk", owner: "front", metrics: { address: "127.0.0.1:1" } };
    const rules = rulesOf(ruleFiles({ config: config({ services: [own] }), services: [] }));
    expect(rules.filter(({ labels }) => labels.service === "kiosk").map(({ alert }) => alert)).toEqual([
      "ServiceDown",
      "ServiceAbsent",
    ]);
    expect(rules.map(({ alert }) => alert)).not.toContain("ErrorBudgetBurn");
  });

  it("take it for no fault that none of what may be there is there", () => {
    const pods = { name: "pods", owner: "platform", hasMetrics: true, optional: true };
    const rules = rulesOf(ruleFiles({ config: config({}), services: [pods] }));
    expect(rules.filter(({ labels }) => labels.service === "pods").map(({ alert }) => alert)).toEqual(["ServiceDown"]);
  });

  it("ask the supervisor about what has no metrics and is meant to stay, where there is one", () => {
    const services = [
      { name: "inbox", owner: "demo", hasMetrics: false },
      { name: "seed", owner: "demo", hasMetrics: false, ends: true },
    ];
    const about = (platform: string) =>
      rulesOf(ruleFiles({ config: config({ platform }), services })).flatMap(({ alert, labels }) =>
        services.some(({ name }) => name === labels.service) ? [`${alert} ${labels.service} ${labels.owner}`] : [],
      );
    expect(about("process")).toEqual(["ServiceNotReady inbox demo"]);
    expect(about("kubernetes")).toEqual([]);
  });

  it("leave out a window whose limit no share of failures can pass", () => {
    const own = { name: "kiosk", owner: "front", metrics: { address: "127.0.0.1:1" }, slo: { availability: 0.9 } };
    const rules = rulesOf(ruleFiles({ config: config({ services: [own] }), services: [] }));
    expect(rules.filter(({ alert }) => alert === "ErrorBudgetBurn").map(({ labels }) => labels.window)).toEqual([
      "6h",
      "1d",
      "3d",
    ]);
  });
});

describe("alertOverrides", () => {
  const overridden = (alertOverrides: object) => ({ ...sample, config: config({ alertOverrides }) });

  it("change severity, time and labels, and switch an alert off", () => {
    const rules = rulesOf(
      ruleFiles(
        overridden({
          RedisDown: { for: "5m", keepFiringFor: "10m", severity: "ticket", labels: { team: "data" } },
          PostgresDown: { enabled: false },
        }),
      ),
    );
    const redis = rules.find(({ alert }) => alert === "RedisDown");
    expect(redis).toMatchObject({ for: "5m", keep_firing_for: "10m" });
    expect(redis?.labels).toMatchObject({ severity: "ticket", team: "data", owner: "platform" });
    expect(rules.map(({ alert }) => alert)).not.toContain("PostgresDown");
  });

  it("move the number in an expression, and the message tells the new one", () => {
    const rules = rulesOf(ruleFiles(overridden({ DiskFilling: { threshold: 0.25 } })));
    const disk = rules.find(({ alert }) => alert === "DiskFilling");
    expect(disk?.expr).toMatch(/ < 0\.25$/);
    expect(disk?.annotations.threshold).toBe("below 25%");
    expect(
      differences(
        topics(sample).flatMap(({ alerts }) => alerts),
        { DiskFilling: { threshold: 0.25, for: "1h", keepFiringFor: "2h" } },
      ),
    ).toEqual([
      { alert: "DiskFilling", field: "threshold", standard: "10%", here: "25%" },
      { alert: "DiskFilling", field: "for", standard: "5m", here: "1h" },
      { alert: "DiskFilling", field: "keepFiringFor", standard: "5m", here: "2h" },
    ]);
  });

  it("cannot move a number that is not there", () => {
    expect(overrideProblems(overridden({ RedisDown: { threshold: 2 } }))).toMatchObject([
      { where: "vitals:alertOverrides.RedisDown.threshold", remedy: expect.stringContaining("DiskFilling") },
    ]);
  });

  it("of an alert that does not exist are refused, with a guess or with every name", () => {
    expect(overrideProblems(overridden({ RedisDwn: {} }))).toMatchObject([
      {
        where: "vitals:alertOverrides.RedisDwn",
        what: "is not an alert that exists",
        remedy: "Did you mean RedisDown?",
      },
    ]);
    expect(overrideProblems(overridden({ Nothing: {} }))[0]?.remedy).toMatch(
      /^Use one of: ServiceDown, .*PostgresDown/,
    );
  });

  it("cannot take a label that routing needs, nor one that is no label's name", () => {
    const problems = overrideProblems(
      overridden({ RedisDown: { labels: { service: "x", severity: "page", "a-b": "c" } } }),
    );
    expect(problems.map(({ where, what }) => `${where.split(".").at(-1)} ${what}`)).toEqual([
      "service is a label that the stack sets itself",
      "severity is a label that the stack sets itself",
      "a-b is not a label's name",
    ]);
  });
});

/** Whether a counter of the proof falls, and the alert is expected all the same. */
const fallsWithin = ({ given, firing }: Proof): boolean =>
  Object.values(firing).some((labels) => (labels ?? []).length > 0) &&
  given.some(({ values }) => {
    const samples = samplesOf(values).filter((value) => typeof value === "number");
    return samples.some((value, index) => value < (samples[index - 1] ?? 0));
  });

function instantsOf({ proofs }: Alert): readonly { proof: number; at: number; firing: boolean }[] {
  return proofs.flatMap(({ firing }, proof) =>
    Object.entries(firing).map(([at, labels]) => ({ proof, at: seconds(at), firing: (labels ?? []).length > 0 })),
  );
}

/** Whether a proof looks at two neighbouring evaluations between which the alert goes from one state to the other. */
function hasStep(alert: Alert, step: number, from: boolean, to: boolean): boolean {
  const instants = instantsOf(alert);
  return instants.some((first) =>
    instants.some(
      (second) =>
        second.proof === first.proof && second.at === first.at + step && first.firing === from && second.firing === to,
    ),
  );
}
