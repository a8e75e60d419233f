import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inMaintenance } from "../../../exporters/integration-health/integration.ts";
import { recurrence } from "../../../exporters/integration-health/recurrence.ts";
import { delayOf, follow, sourceOf } from "../../../exporters/integration-health/source.ts";
import { judge, statusOf, undecided, type Verdict, worst } from "../../../exporters/integration-health/verdict.ts";
import type { ProbeCause } from "../../../telemetry/catalogue/integrations.ts";

describe("the verdict", () => {
  const policy = { failures: 3, of: 4, successes: 2 };
  type Seen = ProbeCause | "ok" | "offline";
  const judged = (...seen: readonly Seen[]): Verdict =>
    seen.reduce<Verdict>(
      (verdict, each, at) =>
        judge(
          verdict,
          each === "offline" ? { at, cause: "dns", offline: true } : { at, cause: each === "ok" ? undefined : each },
          policy,
        ),
      undecided,
    );
  const f = "timeout";

  it("needs three of four failures to turn down, and two good ones in a row to turn up", () => {
    expect(judged("ok").up).toBe(true);
    expect(judged(f, f).up).toBeUndefined();
    expect(judged(f, f, f)).toMatchObject({ up: false, cause: f, since: 2 });
    expect(judged("ok", f, f)).toMatchObject({ up: true, doubtedSince: 1 });
    expect(judged("ok", f, "ok", f, f).up).toBe(false);
    expect(judged("ok", f, "ok", "ok", f, f).up).toBe(true);
    expect(judged(f, f, f, "ok")).toMatchObject({ up: false, doubtedSince: 3, cause: f });
    expect(judged(f, f, f, "ok", "ok")).toMatchObject({ up: true, since: 4 });
    expect(judged(f, f, f, "ok", "ok").doubtedSince).toBeUndefined();
  });

  it("takes what is ours to mend for an answer of theirs", () => {
    expect(judged("ok", "rate_limited", "auth", "rate_limited", "auth")).toMatchObject({ up: true, cause: "auth" });
  });

  it("knows nothing of what may not be asked, and starts anew afterwards", () => {
    expect(judged("ok", "refused", "refused")).toMatchObject({ up: undefined, offline: false, since: 1 });
    expect(statusOf(judged("ok", "refused"))).toBe("error");
    expect(judged(f, f, f, "refused", f, f)).toMatchObject({ up: undefined });
    expect(judged("refused", "ok")).toMatchObject({ up: true, since: 1 });
  });

  it("tells what comes again from what happens once, however far apart", () => {
    const seen = recurrence<string>();
    const recurring = (...kinds: readonly (string | undefined)[]) => kinds.map((kind) => [...seen(kind)].join());
    expect(recurring("auth", undefined, "auth", "dns")).toEqual(["", "", "auth", "auth"]);
    expect(recurring("dns", undefined, undefined, undefined)).toEqual(["dns", "dns", "dns", ""]);
  });

  it("knows nothing while we are offline, whatever was seen before, and starts anew afterwards", () => {
    expect(judged("ok", f, f, "offline")).toMatchObject({ up: undefined, offline: true, since: 3 });
    expect(judged(f, f, f, "offline", f, f)).toMatchObject({ up: undefined, offline: false });
    expect(judged("ok", "offline", "offline", "ok")).toMatchObject({ up: true, since: 3 });
  });

  it("has a word for every state, and the worst of them for all", () => {
    const verdicts = [judged(), judged("ok"), judged("ok", "dns"), judged(f, f, f), judged("auth"), judged("offline")];
    expect(verdicts.map((verdict) => statusOf(verdict))).toEqual([
      "unknown",
      "healthy",
      "degraded",
      "unhealthy",
      "degraded",
      "unknown",
    ]);
    expect(verdicts.map((verdict) => statusOf(verdict, true))).toEqual([
      "unknown",
      "healthy",
      "maintenance",
      "maintenance",
      "maintenance",
      "unknown",
    ]);
    // What counts most is told first, wherever it stands.
    const order = ["unhealthy", "error", "degraded", "unknown", "maintenance", "healthy"] as const;
    for (const [index, each] of order.entries()) expect(worst(order.slice(index).toReversed())).toBe(each);
    expect(worst([])).toBe("unknown");
  });

  it("is never down while fewer failures than the policy's are among the last ones, for any sequence", () => {
    const seen = fc.array(fc.constantFrom<Seen>("ok", "dns", "timeout", "auth", "offline"), { maxLength: 40 });
    fc.assert(
      fc.property(seen, (sequence) => {
        const { up } = judged(...sequence);
        const sinceOffline = sequence.slice(sequence.lastIndexOf("offline") + 1);
        const failures = sinceOffline.filter((each) => each === "dns" || each === "timeout").length;
        if (sequence.at(-1) === "offline") expect(up).toBeUndefined();
        else if (failures < policy.failures) expect(up).not.toBe(false);
      }),
    );
  });
});

it("a maintenance of ours is from its beginning until its end, and not a moment longer", () => {
  const maintenance = [{ from: "2026-01-31T22:00:00Z", until: "2026-01-31T23:00:00+00:00" }];
  const at = (time: string) => inMaintenance({ maintenance } as never, Date.parse(`2026-01-31T${time}Z`));
  expect(["21:59:59", "22:00:00", "22:59:59", "23:00:00"].map(at)).toEqual([false, true, true, false]);
});

describe("the source of a failure", () => {
  const down: Verdict = { up: false, since: 10_000, offline: false, recent: [], cause: "timeout" };
  const up: Verdict = { up: true, since: 0, offline: false, recent: [] };
  const says = { troubled: true, maintenance: false, since: 70_000 };
  const quiet = { troubled: false, maintenance: false };

  it("comes from both sides, and a feed alone is only that", () => {
    expect(sourceOf(down, says)).toBe("vendor_confirmed");
    expect(sourceOf(down, quiet)).toBe("vendor_unannounced");
    expect(sourceOf(down, undefined)).toBe("vendor_unannounced");
    expect(sourceOf(up, says)).toBe("status_page_only");
    expect(sourceOf(up, quiet)).toBeUndefined();
    expect(sourceOf({ ...up, cause: "auth" }, says)).toBe("ours");
    expect(sourceOf({ ...up, up: undefined, offline: true }, says)).toBe("ours");
  });

  it("knows how much later than us they said so, and forgets it with the outage", () => {
    const begun = follow(undefined, down, quiet, 11_000);
    expect(begun && delayOf(begun)).toBeUndefined();
    const told = follow(begun, down, says, 80_000);
    expect(told && delayOf(told)).toBe(60);
    expect(follow(told, down, { ...says, since: 99_000 }, 99_000)).toBe(told);
    expect(follow(told, up, says, 99_000)).toBeUndefined();
  });
});
