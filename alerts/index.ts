// The list of all alerts, by topic, and the rule files and unit tests that they become.

import { objectivesOf } from "../components/config/objectives.ts";
import type { StackConfig } from "../components/config.ts";
import type { Problem } from "../components/errors.ts";
import type { Tree } from "../components/spec.ts";
import type { Duration } from "../components/units.ts";
import { alertmanagerAlerts } from "./alertmanager.ts";
import { type BackedUp, backupAlerts, backupStep } from "./backups.ts";
import { cacheAlerts } from "./cache.ts";
import { databaseAlerts } from "./databases.ts";
import { deliveryAlerts, slackNotConfigured } from "./delivery.ts";
import { exporterAlerts } from "./exporters.ts";
import { type Finished, finish, type Links, toRule } from "./finish.ts";
import { gatewayAlerts } from "./gateway.ts";
import { integrationFlagAlerts } from "./integration-flags.ts";
import { integrationTroubleAlerts } from "./integration-trouble.ts";
import { integrationAlerts } from "./integrations.ts";
import { monitoringAlerts } from "./monitoring.ts";
import { overridden, problemsOf } from "./overrides.ts";
import { postgresDataAlerts } from "./postgres-data.ts";
import { postgresReplicationAlerts } from "./postgres-replication.ts";
import { postgresSessionAlerts } from "./postgres-sessions.ts";
import { prometheusAlerts } from "./prometheus.ts";
import { testFile } from "./proofs.ts";
import { destinationOf } from "./receivers.ts";
import { recordingRules, recordings, recordingTests } from "./recorded.ts";
import { redisAlerts } from "./redis.ts";
import type { Alert } from "./rule.ts";
import { serviceAlerts, type WatchedService } from "./services.ts";
import { burnAlerts, windows } from "./slo.ts";
import { tracingAlerts } from "./tracing.ts";

export interface AlertInput {
  readonly config: StackConfig;
  /** Every service of the stack; the person's own ones are added from `vitals:services`. */
  readonly services: readonly WatchedService[];
  readonly links?: Links;
}

export interface Topic {
  /** The stem of its files and the name of its rule group. */
  readonly name: string;
  readonly alerts: readonly Alert[];
  /** Time between evaluations in its unit tests. */
  readonly step?: Duration;
}

/** Every alert of a stack as it is written, before `vitals:alertOverrides`. */
export function topics({ config, services }: AlertInput): readonly Topic[] {
  const known = new Set(services.map(({ name }) => name));
  const own = config.services
    .filter(({ name }) => !known.has(name))
    .map(({ name, owner }) => ({ name, owner, hasMetrics: true }));
  const objectives = objectivesOf(config, services);
  return [
    { name: "services", alerts: serviceAlerts([...services, ...own], config.platform === "process") },
    { name: "databases", alerts: databaseAlerts },
    { name: "postgres", alerts: [...postgresSessionAlerts, ...postgresDataAlerts, ...postgresReplicationAlerts] },
    { name: "redis", alerts: redisAlerts },
    { name: "cache", alerts: cacheAlerts },
    { name: "gateway", alerts: gatewayAlerts },
    { name: "integrations", alerts: integrationAlerts },
    { name: "integration-trouble", alerts: [...integrationFlagAlerts, ...integrationTroubleAlerts] },
    { name: "exporters", alerts: exporterAlerts },
    { name: "monitoring", alerts: [...monitoringAlerts, ...prometheusAlerts, ...alertmanagerAlerts] },
    { name: "tracing", alerts: tracingAlerts },
    {
      name: "delivery",
      alerts: [...deliveryAlerts, ...(destinationOf(config) === "none" ? [slackNotConfigured] : [])],
    },
    {
      name: "backups",
      alerts: backupAlerts(services.filter(isBackup), config.backup?.maxAge ?? "26h"),
      step: backupStep,
    },
    ...windows.map((window) => ({
      name: `slo-${window.long}`,
      alerts: burnAlerts(window, objectives),
      step: window.step,
    })),
  ].filter(({ alerts }) => alerts.length > 0);
}

/** The service that people's requests come to: the gateway, or else the first of the person's own. */
export function frontOf({ config, services }: AlertInput): Pick<Links, "front"> {
  const front = services.find(({ name }) => name === "gateway") ?? config.services[0];
  return front === undefined ? {} : { front: front.name };
}

const isBackup = (service: WatchedService): service is WatchedService & BackedUp => service.backsUp !== undefined;

export const rulesFileName = (topic: string): string => `${topic}.rules.yaml`;
export const testFileName = (topic: string): string => `${topic}.test.yaml`;

/** File name -> rule file. What `vitals:alertOverrides` says that cannot be is for `overrideProblems` to tell. */
export function ruleFiles(input: AlertInput): Readonly<Record<string, Tree>> {
  const files = topics(input).map(({ name, alerts }) => {
    const rules = alerts.flatMap((alert) => overridden(alert, input.config.alertOverrides) ?? []);
    return [rulesFileName(name), rules.map((alert) => toRule(finish(alert, input.links ?? {})))] as const;
  });
  const recorded = Object.entries(recordings).map(
    ([name, { every, all }]) => [rulesFileName(name), recordingRules(all), every] as const,
  );
  return Object.fromEntries(
    [...recorded, ...files]
      .filter(([, rules]) => rules.length > 0)
      .map(([file, rules, interval]) => [
        file,
        {
          groups: [{ name: file.slice(0, file.indexOf(".")), ...(interval === undefined ? {} : { interval }), rules }],
        },
      ]),
  );
}

/** File name -> promtool unit test of the rule file beside it. For the alerts as they are written: an override moves the instants. */
export const proofFiles = (input: AlertInput): Readonly<Record<string, Tree>> =>
  Object.fromEntries([
    ...Object.entries(recordings).map(([name, { all }]) => [
      testFileName(name),
      recordingTests(rulesFileName(name), all),
    ]),
    ...topics(input).map(({ name, alerts, step }) => [
      testFileName(name),
      testFile(rulesFileName(name), finishAll(alerts, input.links), step),
    ]),
  ]);

export const finishAll = (alerts: readonly Alert[], links: Links = {}): readonly Finished[] =>
  alerts.map((alert) => finish(alert, links));

/** What `vitals:alertOverrides` says that cannot be. */
export const overrideProblems = (input: AlertInput): readonly Problem[] =>
  problemsOf(
    input.config.alertOverrides,
    topics(input).flatMap(({ alerts }) => alerts),
  );
