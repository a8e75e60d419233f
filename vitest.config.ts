// Two groups: unit tests, then end-to-end tests, each of which brings a whole stack up and mostly waits for it; two at a time of either.
import { defineConfig } from "vitest/config";

// Real programs on shared cores: where nobody watches, a test gets a second try, which the report names.
const retry = process.env.CI === undefined ? 0 : 1;
const common = { testTimeout: 60_000, hookTimeout: 120_000, pool: "forks", retry } as const;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**"],
          sequence: { groupOrder: 0 },
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...common,
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          testTimeout: 600_000,
        },
      },
    ],
  },
});
