// Alertmanager's configuration, judged by amtool and by a real Alertmanager that posts to a Slack of our own.
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { hardDown, symptoms } from "../../alerts/causes.ts";
import { topics } from "../../alerts/index.ts";
import { destinationOf } from "../../alerts/receivers.ts";
import { alertmanagerConfig, routingNotice, routingProblems } from "../../alerts/routing.ts";
import { slackRelay } from "../../components/services/slack-relay.ts";
import { withServiceNames } from "../../tools/rules/names.ts";
import { alert, alertmanager, filesFor, withAlertmanager } from "./alertmanager.ts";
import { billing, config, inFolder, ledger, run, sample, toolPath } from "./tools.ts";

const amtool = toolPath("amtool") ?? "";
const skip =
  amtool === "" || alertmanager === "" ? "skipped: alertmanager is not there; npm run tools -- get" : undefined;

const inbox = config({ demo: "true", services: [billing, ledger] });
const options = { template: "slack.tmpl" } as const;

describe("where messages go", () => {
  it("prefers the webhook that a person has set, which the relay alone knows", () => {
    const stack = config({ demo: "true" }, ["slackWebhookUrl"]);
    expect(destinationOf(stack)).toBe("webhook");
    expect(stringify(withServiceNames(alertmanagerConfig(stack, options)))).toContain(
      "api_url: http://slack-relay/services/vitals",
    );
    expect(slackRelay(stack)[0]?.args?.map(withServiceNames)).toContain("/secrets/slackWebhookUrl");
    expect(slackRelay(config())).toEqual([]);
    expect(routingNotice(stack)).toBeUndefined();
  });

  it("goes nowhere, and says so in one line, when neither webhook nor demo is set", () => {
    expect(destinationOf(config())).toBe("none");
    expect(JSON.stringify(alertmanagerConfig(config(), options))).not.toContain("slack_configs");
    expect(routingNotice(config())).toMatch(/slackWebhookUrl/);
    expect(routingNotice(config())).not.toContain("\n");
  });
});

describe("dependsOn", () => {
  const problems = (services: readonly object[]) => routingProblems(config({ services }), { services: ["redis"] });

  it("may name the stack's services, the person's own ones, integrations and databases", () => {
    expect(problems([{ ...billing, dependsOn: ["ledger", "redis"] }, ledger])).toEqual([]);
  });

  it("refuses a name that does not exist, with those that do", () => {
    expect(problems([{ ...billing, dependsOn: ["ledgr"] }, ledger])).toMatchObject([
      {
        where: "vitals:services[0].dependsOn",
        what: '"ledgr" is no service, database or integration of this stack',
        remedy: "Use one of: billing, ledger, redis.",
      },
    ]);
  });

  it("refuses a circle, in which every alert would silence every other", () => {
    const circle = problems([billing, { ...ledger, dependsOn: ["billing"] }]);
    expect(circle.map(({ what }) => what)).toEqual([
      '"billing" depends on itself through ledger: each would silence the other',
      '"ledger" depends on itself through billing: each would silence the other',
    ]);
  });
});

describe("causes and symptoms", () => {
  it("are names of alerts that exist", () => {
    const names = topics(sample).flatMap(({ alerts }) => alerts.map(({ name }) => name));
    for (const name of [...hardDown, ...symptoms]) expect(names).toContain(name);
  });
});

describe.skipIf(skip !== undefined)(`amtool ${skip ?? ""}`, () => {
  it.each([
    ["the inbox of the demo", inbox],
    ["a webhook", config({}, ["slackWebhookUrl"])],
    ["nobody", config()],
  ])("accepts the configuration for %s", async (_what, stack) => {
    const { code, output } = await inFolder(filesFor(stack), (folder) =>
      run(amtool, ["check-config", "alertmanager.yaml"], folder),
    );
    expect(output).toContain("SUCCESS");
    expect(output).toContain("1 templates");
    expect(code).toBe(0);
  });

  it("routes pages and tickets to people, and what is only information to nobody", async () => {
    await inFolder(filesFor(inbox), async (folder) => {
      for (const [severity, receiver] of [
        ["page", "slack-page"],
        ["ticket", "slack-ticket"],
        ["info", "nobody"],
      ] as const) {
        const args = ["config", "routes", "test", "--config.file=alertmanager.yaml", `--verify.receivers=${receiver}`];
        const { code, output } = await run(amtool, [...args, "alertname=Any", `severity=${severity}`], folder);
        expect(output.trim()).toBe(receiver);
        expect(code).toBe(0);
      }
    });
  });

  it("refuses a configuration whose template is broken", async () => {
    const files = { ...filesFor(inbox), "slack.tmpl": '{{ define "vitals.text" }}{{ .Nothing ' };
    const { code, output } = await inFolder(files, (folder) =>
      run(amtool, ["check-config", "alertmanager.yaml"], folder),
    );
    expect(output).toContain("FAILED");
    expect(code).not.toBe(0);
  });
});

describe.skipIf(skip !== undefined)(`a real Alertmanager ${skip ?? ""}`, () => {
  it("posts one firing and one resolved message that a person can act on", { timeout: 60_000 }, async () => {
    await withAlertmanager(inbox, async ({ post, messages }) => {
      const redis = {
        ...alert("RedisDown", "page", "cache", "Redis <cache> & co does not answer."),
        startsAt: "2026-03-04T05:06:07Z",
      };
      await post([redis, alert("Watchdog", "info", "alertmanager", "Always.")]);
      const [down] = await messages(1);
      await post([{ ...redis, endsAt: new Date().toISOString() }]);
      const [, up] = await messages(2);

      expect(down?.channel).toBe("#alerts");
      const fired = down?.attachments[0];
      expect(fired?.title).toBe("[PAGE] RedisDown cache");
      expect(fired?.fallback).toBe(fired?.title);
      expect(fired?.color).toBe("danger");
      expect(fired?.title_link).toBe("http://grafana/d/vitals-overview");
      expect(fired?.text.trimEnd()).toBe(
        [
          "*Redis &lt;cache&gt; &amp; co does not answer.*",
          "`redis_up` is 0, since 2026-03-04 05:06:07 UTC",
          "See whether its process runs.",
          "Runbook docs/runbooks/RedisDown.md · <http://grafana/d/vitals-overview|Dashboard> · <http://prometheus/graph?g0.expr=redis_up|Query>",
          "<http://alertmanager/#/silences/new?filter=%7Balertname%3D%22RedisDown%22%2Cservice%3D%22cache%22%7D|Silence> · owner platform",
        ].join("\n"),
      );
      const healed = up?.attachments[0];
      expect(healed?.title).toBe("[RESOLVED] RedisDown cache");
      expect(healed?.color).toBe("good");
      expect(healed?.text.trimEnd()).toMatch(
        /^Over: \*Redis &lt;cache&gt; &amp; co does not answer\.\*\nFrom 2026-03-04 05:06:07 UTC to \d\d:\d\d:\d\d UTC$/,
      );
      expect(await messages(2)).toHaveLength(2);
    });
  });

  it("tells the cause and keeps its symptoms silent", { timeout: 60_000 }, async () => {
    await withAlertmanager(inbox, async ({ post, messages, settle }) => {
      await post([
        alert("RedisDown", "page", "cache", "Down."),
        alert("CollectorFailing", "ticket", "cache", "Symptom of the same service."),
        alert("ServiceNotReady", "page", "cache", "Says less of the same."),
        alert("ServiceNotReady", "page", "inbox", "Not ready."),
        alert("ServiceFlapping", "ticket", "inbox", "Symptom of that."),
        alert("ServiceDown", "page", "ledger", "Down."),
        alert("ErrorBudgetBurn", "page", "billing", "Symptom of what it depends on."),
        alert("CollectorFailing", "ticket", "clinic", "Another service."),
      ]);
      await messages(4);
      await settle();
      expect((await messages(4)).map(({ attachments }) => attachments[0]?.title).toSorted()).toEqual([
        "[PAGE] RedisDown cache",
        "[PAGE] ServiceDown ledger",
        "[PAGE] ServiceNotReady inbox",
        "[TICKET] CollectorFailing clinic",
      ]);
    });
  });

  it("tells a storm in one message of readable size", { timeout: 60_000 }, async () => {
    await withAlertmanager(inbox, async ({ post, messages, settle }) => {
      const storm = Array.from({ length: 300 }, (_, index) => {
        const one = alert("ServiceDown", "page", "billing", `billing-${index} does not answer its scrape.`);
        return { ...one, labels: { ...one.labels, instance: `billing-${index}` } };
      });
      await post(storm);
      await messages(1);
      await settle();
      const all = await messages(1);
      expect(all).toHaveLength(1);
      expect(all[0]?.attachments[0]?.title).toBe("[PAGE] ServiceDown billing (300)");
      expect(all[0]?.attachments[0]?.text).toContain("… 300 in all, the first 5 are shown.");
      expect(all[0]?.attachments[0]?.text.length).toBeLessThan(3_000);
    });
  });
});
