// Two groups, each three files at a time on two cores, as they often wait: unit tests for the programs that they start, then end-to-end
// tests, each of which brings a whole stack up.
import ts from "typescript";
import { defineConfig } from "vitest/config";

// Real programs on shared cores: where nobody watches, a test gets a second try, which the report names.
const retry = process.env.CI === undefined ? 0 : 1;
const common = { testTimeout: 60_000, hookTimeout: 120_000, pool: "forks", retry } as const;

/** Standard decorators as an adopter's compiler makes them: neither Node nor vitest's own transform takes them away. */
const decorators = {
  name: "decorators",
  enforce: "pre",
  transform: (code: string, id: string) => {
    if (!/\/test\/.*\.ts$/.test(id) || !/^\s*@[A-Z]\w*\(/m.test(code)) return undefined;
    const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, sourceMap: true };
    const { outputText, sourceMapText } = ts.transpileModule(code, { fileName: id, compilerOptions });
    return { code: outputText, map: sourceMapText };
  },
} as const;

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [decorators],
        test: {
          ...common,
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**"],
          sequence: { groupOrder: 0 },
          maxWorkers: 3,
        },
      },
      {
        test: {
          ...common,
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
          testTimeout: 600_000,
        },
      },
    ],
  },
});
