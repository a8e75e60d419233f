// Hours of silence: what they become for Alertmanager, and that it holds its tongue in them.
import { describe, expect, it } from "vitest";
import { timeIntervals } from "../../alerts/mute.ts";
import { routingProblems } from "../../alerts/routing.ts";
import type { StackConfig } from "../../components/config.ts";
import { alert, alertmanager, filesFor, withAlertmanager } from "./alertmanager.ts";
import { billing, config, inFolder, ledger, run, toolPath } from "./tools.ts";

const amtool = toolPath("amtool") ?? "";
const skip =
  amtool === "" || alertmanager === "" ? "skipped: alertmanager is not there; npm run tools -- get" : undefined;

const stack = (...muteWindows: readonly object[]): StackConfig =>
  config({ demo: "true", services: [billing, ledger], muteWindows });
const intervals = (window: object) => timeIntervals(stack({ name: "quiet", ...window }));

describe("a window", () => {
  it("may hold each week, all day where no time is given", () => {
    expect(intervals({ weekly: { weekdays: ["saturday", "sunday"], location: "Europe/Berlin" } })).toEqual([
      {
        name: "quiet",
        time_intervals: [
          {
            weekdays: ["saturday", "sunday"],
            times: [{ start_time: "00:00", end_time: "24:00" }],
            location: "Europe/Berlin",
          },
        ],
      },
    ]);
  });

  it("ends on the next day where it goes over midnight", () => {
    expect(intervals({ weekly: { weekdays: ["friday", "sunday"], from: "22:00", to: "06:30" } })).toMatchObject([
      {
        time_intervals: [
          { weekdays: ["friday", "sunday"], times: [{ start_time: "22:00", end_time: "24:00" }] },
          { weekdays: ["saturday", "monday"], times: [{ start_time: "00:00", end_time: "06:30" }] },
        ],
      },
    ]);
  });

  it("may hold once, a day of UTC at a time, over the end of a year", () => {
    const [only] = intervals({ once: { from: "2026-12-31T23:15:30+01:00", to: "2027-01-02T00:30:01+01:00" } });
    expect(only).toMatchObject({
      time_intervals: [
        { years: ["2026"], months: ["12"], days_of_month: ["31"], times: [{ start_time: "22:15", end_time: "24:00" }] },
        { years: ["2027"], months: ["1"], days_of_month: ["1"], times: [{ start_time: "00:00", end_time: "23:31" }] },
      ],
    });
  });

  it.each([
    ["neither", {}, "needs weekly or once"],
    [
      "both",
      { weekly: {}, once: { from: "2027-01-01T00:00:00Z", to: "2027-01-02T00:00:00Z" } },
      "needs weekly or once",
    ],
    ["an end before its beginning", { once: { from: "2027-01-02T00:00:00Z", to: "2027-01-01T00:00:00Z" } }, "must end"],
    ["half a year", { once: { from: "2027-01-01T00:00:00Z", to: "2027-07-01T00:00:00Z" } }, "may last 31 days"],
    ["a time zone that is none", { weekly: { location: "Mars/Olympus" } }, "must be a time zone"],
    ["no length", { weekly: { from: "08:00", to: "08:00" } }, "different times"],
  ])("is refused with %s", (_what, window, says) => {
    expect(() => stack({ name: "quiet", ...window })).toThrow(says);
  });

  it("may name what the stack has, and nothing else", () => {
    const problems = routingProblems(stack({ name: "quiet", weekly: {}, services: ["billing", "redsi"] }), {
      services: ["redis"],
    });
    expect(problems).toMatchObject([
      {
        where: "vitals:muteWindows[0].services",
        remedy: "Did you mean redis?",
        what: expect.stringContaining("redsi"),
      },
    ]);
  });
});

const always = { weekly: {} };
const never = { once: { from: "2020-01-01T00:00:00Z", to: "2020-01-02T00:00:00Z" } };

describe.skipIf(skip !== undefined)(`a real Alertmanager ${skip ?? ""}`, { timeout: 60_000 }, () => {
  it("takes windows of every kind", async () => {
    const files = filesFor(
      stack(
        { name: "night", weekly: { from: "22:00", to: "06:00", location: "America/New_York" } },
        { name: "move", once: { from: "2027-02-27T12:00:00Z", to: "2027-03-02T00:00:00Z" }, services: ["billing"] },
      ),
    );
    const { code, output } = await inFolder(files, (folder) =>
      run(amtool, ["check-config", "alertmanager.yaml"], folder),
    );
    expect(output).toContain("SUCCESS");
    expect(code).toBe(0);
  });

  it.each([
    ["of one service", [{ name: "move", ...always, services: ["billing"] }], ["page clinic", "ticket clinic"]],
    ["of one severity", [{ name: "night", ...always, severities: ["ticket"] }], ["page billing", "page clinic"]],
    [
      "of a service, and of all by another window",
      [
        { name: "move", ...always, services: ["billing"], severities: ["page"] },
        { name: "night", ...always, severities: ["ticket"] },
      ],
      ["page clinic"],
    ],
    [
      "of nobody while no window is open",
      [{ name: "move", ...never, services: ["billing"] }],
      ["page billing", "page clinic", "ticket billing", "ticket clinic"],
    ],
  ])("is silent in the hours %s", async (_what, windows, expected) => {
    await withAlertmanager(stack(...windows), async ({ post, messages, settle }) => {
      await post(
        ["page", "ticket"].flatMap((severity) =>
          ["billing", "clinic"].map((service) => alert(severity, severity, service, "Ill.")),
        ),
      );
      await messages(expected.length);
      await settle();
      const titles = (await messages(expected.length)).map(({ attachments }) => attachments[0]?.title ?? "");
      expect(titles.map((title) => title.replace(/^\[\w+\] /, "")).toSorted()).toEqual(expected);
    });
  });
});
