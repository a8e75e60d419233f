import { describe, expect, it } from "vitest";
import { healthConfig, type IntegrationTarget } from "../../../exporters/integration-health/config.ts";
import { type AnchorAnswer, connectivity } from "../../../exporters/integration-health/connectivity.ts";
import { gate } from "../../../exporters/integration-health/limits.ts";
import { type KnownCertificate, watchIntegration } from "../../../exporters/integration-health/watch.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

const away: AnchorAnswer = { resolved: false, connected: false };

describe("connectivity", () => {
  const asked = (...answers: readonly AnchorAnswer[]) =>
    connectivity({ anchors: answers, ask: async (answer) => answer, now: () => 0 });

  it("counts as online when any anchor answers, or none is known, or the other side did answer", async () => {
    expect(await asked(away, { resolved: undefined, connected: true }).online("timeout")).toBe(true);
    expect(await asked(away, away).online("timeout")).toBe(false);
    expect(await asked().online("timeout")).toBe(true);
    expect(await asked(away, away).online("http_5xx")).toBe(true);
    expect(await asked(away, away).online(undefined)).toBe(true);
  });

  it("blames our own resolver when the names of all anchors are unknown too", async () => {
    const address = { resolved: undefined, connected: true };
    expect(await asked(away, address).online("dns")).toBe(false);
    expect(await asked(away, address).online("connect")).toBe(true);
    expect(await asked({ resolved: true, connected: false }, address).online("dns")).toBe(true);
  });

  it("does not take an answer that is older than it is asked for", async () => {
    let [away, now] = [false, 0];
    const ask = async () => ({ resolved: undefined, connected: !away });
    const guard = connectivity({ anchors: [1], ask, now: () => now });
    expect(await guard.online("connect")).toBe(true);
    [away, now] = [true, 100];
    expect(await guard.online("connect")).toBe(true);
    expect(await guard.online("connect", now)).toBe(false);
    // Nor one from the future, when the clock was set back.
    [away, now] = [false, -3_600_000];
    expect(await guard.online("connect")).toBe(true);
  });

  it("asks once for all who want to know in the same moment", async () => {
    let [asked, now] = [0, 0];
    const guard = connectivity({
      anchors: [1, 2],
      ask: async () => {
        asked++;
        return away;
      },
      now: () => now,
    });
    await Promise.all([guard.online("dns"), guard.online("timeout"), guard.online("connect")]);
    // Two anchors, and once more because none answered.
    expect(asked).toBe(4);
    now = 5_000;
    await guard.online("dns");
    expect(asked).toBe(8);
    expect(guard.last()).toBe(false);
  });
});

describe("a watched integration", () => {
  it.each([
    ["calls", { callsPerMinute: 6 }, 0],
    ["bytes", { callsPerMinute: 600, bytesPerMinute: 60_000 }, 10_000],
  ])("costs no more %s than its budget has, and says how many turns that left out", async (_what, budget, bytes) => {
    const clock = virtualClock();
    const entry = { name: "x", probe: "tcp", address: "vendor.example:1", interval: "1s" };
    const target = healthConfig.parse({ integrations: [{ ...entry, budget }] }).integrations[0] as IntegrationTarget;
    let [asked, skipped] = [0, 0];
    const { stop } = watchIntegration(target, {
      clock,
      random: () => 0.5,
      gate: gate(1),
      connectivity: connectivity({ anchors: [], ask: async () => away, now: clock.now }),
      attempt: async () => {
        asked++;
        return { phases: {}, bytes };
      },
      skipped: (_, turns) => {
        skipped += turns;
      },
    });
    await clock.run(600_000);
    await stop();
    expect(asked).toBeLessThanOrEqual(6 + 60);
    expect(asked).toBeGreaterThanOrEqual(60);
    expect(asked + skipped).toBeGreaterThan(590);
  });

  it.each(["connect", "timeout"] as const)(
    "that must fail is neither down nor up while we are offline, when it fails by %s",
    async (seen) => {
      const clock = virtualClock();
      const entry = { name: "x", probe: "tcp", address: "vendor.example:1", expectFailure: ["connect"] };
      const target = healthConfig.parse({ integrations: [entry] }).integrations[0] as IntegrationTarget;
      const guard = connectivity({ anchors: [1, 2], ask: async () => away, now: clock.now });
      const { stop, state } = watchIntegration(target, {
        clock,
        gate: gate(1),
        connectivity: guard,
        attempt: async () => ({ phases: {}, ...(seen === "connect" ? { wanted: seen } : { cause: seen }) }),
      });
      await clock.run(300_000);
      await stop();
      expect(state().verdict).toMatchObject({ up: undefined, offline: true });
      expect(guard.last()).toBe(false);
    },
  );

  it("knows when a certificate was seen and accepted last, whatever later handshakes come to", async () => {
    const clock = virtualClock();
    const entry = { name: "x", probe: "tls", address: "vendor.example:443", interval: "60s" };
    const target = healthConfig.parse({ integrations: [entry] }).integrations[0] as IntegrationTarget;
    const seen = [
      { expiry: 1_000, valid: true },
      { expiry: 1_000, valid: true },
      { expiry: 10, valid: false },
    ];
    const known: (KnownCertificate | undefined)[] = [];
    const { stop, state } = watchIntegration(target, {
      clock,
      random: () => 0.5,
      gate: gate(1),
      connectivity: connectivity({ anchors: [], ask: async () => away, now: clock.now }),
      attempt: async () => {
        const certificate = seen[known.length];
        return {
          phases: {},
          ...(certificate?.valid ? {} : { cause: "tls" as const }),
          ...(certificate && { certificate }),
        };
      },
      attempted: () => known.push(state().certificate),
    });
    await clock.run(180_000);
    await stop();
    const at = known[1]?.seenAt ?? 0;
    expect(at).toBeGreaterThan(59);
    expect(known[1]).toEqual({ expiry: 1_000, seenAt: at, acceptedAt: at });
    expect(known[2]).toMatchObject({ expiry: 10, acceptedAt: at });
    expect(known[2]?.seenAt).toBeGreaterThan(at);
    // Handshakes that show none change nothing.
    expect(known.length).toBeGreaterThan(4);
    expect(known.at(-1)).toEqual(known[2]);
  });

  it("is not called down on an answer of the anchors from before its failures, however close they are", async () => {
    const clock = virtualClock();
    const goneAt = 50;
    const target = healthConfig.parse({
      integrations: [{ name: "x", probe: "tcp", address: "vendor.example:1", interval: "1s" }],
    }).integrations[0] as IntegrationTarget;
    const guard = connectivity({
      anchors: [1],
      ask: async () => ({ resolved: undefined, connected: clock.now() < goneAt }),
      now: clock.now,
    });
    // Another one has failed a moment before, while we were online.
    expect(await guard.online("connect")).toBe(true);
    const seen: (boolean | undefined)[] = [];
    const { stop } = watchIntegration(target, {
      clock,
      random: () => 0.06,
      gate: gate(1),
      connectivity: guard,
      attempt: async () => ({ phases: {}, cause: "connect" }),
      attempted: (_, _attempt, _before, { up }) => seen.push(up),
    });
    await clock.run(600);
    await stop();
    expect(seen.length).toBe(3);
    expect(seen).not.toContain(false);
  });
});
