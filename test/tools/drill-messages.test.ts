// What a drill asks of a message: each part of it, told when it is missing or wrong.
import { describe, expect, it } from "vitest";
import { topics } from "../../alerts/index.ts";
import type { Alert } from "../../alerts/rule.ts";
import type { Told } from "../../tools/drills/inbox.ts";
import { mistakesIn } from "../../tools/drills/payload.ts";
import { sample } from "../alerts/tools.ts";

const named = (name: string): Alert => {
  const found = topics(sample)
    .flatMap(({ alerts }) => alerts)
    .find((alert) => alert.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
};
const disk = named("DiskFilling");
const since = Date.parse("2026-03-04T05:00:00Z");
const fired: Told = {
  at: Date.parse("2026-03-04T05:06:10Z"),
  title: "[TICKET] DiskFilling supervisor",
  color: "warning",
  text: `*${disk.summary}*
Free: 9.9% (fires below 10%), since 2026-03-04 05:06:07 UTC
${disk.action}
<http://x|Runbook> · <http://x|Dashboard>
<http://x|Silence> · owner platform`,
};
const over: Told = {
  ...fired,
  title: "[RESOLVED] DiskFilling supervisor",
  color: "good",
  text: `Over: *${disk.summary}*\nFrom 2026-03-04 05:06:07 UTC to 05:16:07 UTC`,
};

describe("a drill's messages", () => {
  it("are right when they say who, what, how bad, when it fires, since when, and what to do", () => {
    expect(mistakesIn(fired, { alert: disk, over: false, since })).toEqual([]);
    expect(mistakesIn({ ...fired, title: `${fired.title} (2)` }, { alert: disk, over: false, since })).toEqual([]);
    expect(mistakesIn(over, { alert: disk, over: true, since })).toEqual([]);
  });

  it("may have any label where the alert has one, and words that Slack needs escaped", () => {
    const alert: Alert = { ...named("RedisDown"), summary: "{{ $labels.database }} & <co> are gone." };
    const text = fired.text
      .replace(disk.summary, "cache &amp; &lt;co&gt; are gone.")
      .replace("Free: 9.9% (fires below 10%)", "`redis_up` is 0")
      .replace(disk.action, alert.action);
    const message = { ...fired, title: "[PAGE] RedisDown cache", color: "danger", text };
    expect(mistakesIn(message, { alert, over: false, since })).toEqual([]);
  });

  it.each([
    ["another severity", { title: "[PAGE] DiskFilling supervisor" }, /^its title/],
    ["another color", { color: "good" }, /^its color/],
    ["another summary", { text: fired.text.replace("a tenth", "a fifth") }, /^its first line/],
    ["no value", { text: fired.text.replace("9.9% ", "") }, /^its second line/],
    ["another measure", { text: fired.text.replace("Free", "Full") }, /^its second line/],
    ["no threshold", { text: fired.text.replace(" (fires below 10%)", "") }, /^its second line/],
    ["another threshold", { text: fired.text.replace("below 10%", "below 20%") }, /^its second line/],
    ["no action", { text: fired.text.replace(disk.action, "") }, /^its third line/],
    ["no owner", { text: fired.text.replace("owner platform", "") }, /^it names no owner/],
    ["a beginning before the fault", { text: fired.text.replace("05:06:07", "04:59:00") }, /^it began/],
    ["a beginning after itself", { text: fired.text.replace("05:06:07", "05:16:07") }, /^it began/],
  ] as const)("are wrong with %s", (_what, change, wanted) => {
    const mistakes = mistakesIn({ ...fired, ...change }, { alert: disk, over: false, since });
    expect(mistakes).toHaveLength(1);
    expect(mistakes[0]).toMatch(wanted);
  });

  it.each([
    ["does not say so", { title: fired.title }, /^its title/],
    ["is not green", { color: "warning" }, /^its color/],
    ["does not say what is over", { text: over.text.replace(disk.summary, "") }, /^its first line/],
    ["does not say from when", { text: over.text.replace("From", "Since") }, /^its second line/],
  ] as const)("of an end are wrong when it %s", (_what, change, wanted) => {
    const mistakes = mistakesIn({ ...over, ...change }, { alert: disk, over: true, since });
    expect(mistakes).toHaveLength(1);
    expect(mistakes[0]).toMatch(wanted);
  });
});
