// Two groups: unit tests side by side, then end-to-end tests one after the other, because each brings a whole stack up.
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
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
          testTimeout: 600_000,
        },
      },
    ],
  },
});
