// The benchmark of the API with its cache, in small: it measures what it says, on real programs.
import { expect, it } from "vitest";
import { compare } from "../../tools/bench/api-with-cache.ts";
import { postgresMissing } from "../support/postgres.ts";
import { redisMissing } from "../support/redis.ts";

const missing = postgresMissing() ?? redisMissing();
const amounts = {
  patients: 50,
  warmSeconds: 1,
  alone: 60,
  together: 300,
  callers: 8,
  rounds: 1,
  shortTurns: 2,
  short: 20,
};

it.skipIf(missing !== undefined)(
  `the benchmark of the API tells what the cache spares PostgreSQL and what it cannot ${missing ?? ""}`,
  async () => {
    const said: string[] = [];
    const verdicts = await compare(amounts, (line) => void said.push(line));
    const seen = new Map(verdicts.map(({ what, seen }) => [what, Number.parseFloat(seen)]));
    expect(said.join("\n")).toMatch(/50 patients, \d+ appointments.*WITHOUT +WITH.*one caller: median +\d/s);
    expect(seen.get("statements of PostgreSQL a request")).toBeLessThan(0.8);
    expect(seen.get("values that were not found")).toBeLessThan(60);
    expect([...seen.values()].every((value) => value > 0)).toBe(true);
  },
  180_000,
);
