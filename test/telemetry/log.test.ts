import { describe, expect, it } from "vitest";
import { createLog, type Message } from "../../telemetry/log.ts";

const logged = (use: (log: ReturnType<typeof createLog>) => void): readonly Record<string, unknown>[] => {
  const lines: string[] = [];
  use(createLog("db-stats", { write: (line) => lines.push(line) }));
  return lines.map((line) => {
    expect(line.endsWith("\n")).toBe(true);
    expect(line.trim()).not.toContain("\n");
    return JSON.parse(line);
  });
};

describe("log lines", () => {
  it("are one JSON object each, with level, time, service, text and the fields that may pass", () => {
    const [line] = logged((log) => log.warn("collector fails", { collector: "size", cause: "timeout" }));
    expect(line).toEqual({
      level: "warn",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      service: "db-stats",
      msg: "collector fails",
      collector: "size",
      cause: "timeout",
    });
  });

  it("carry no text made at run time, in the message or in a field", () => {
    const [first, second] = logged((log) => {
      log.error("connect to postgres://u:CANARY@db failed" as Message);
      log.error("collector fails", { cause: "password CANARY is wrong", url: "https://CANARY/" } as object);
    });
    expect(JSON.stringify([first, second])).not.toContain("CANARY");
    expect(first?.msg).toBe("unexpected failure");
    expect(second).not.toHaveProperty("cause");
  });

  it("cannot be given another service or level by a field", () => {
    const [line] = logged((log) => log.info("listening", { level: "debug", msg: "x", time: "never" } as object));
    expect(line).toMatchObject({ level: "info", msg: "listening" });
  });
});
