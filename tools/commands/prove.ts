// Runs the long proofs at full size: every mutant, every moment of interruption; `npm test` takes seeded samples of them.
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";

const help = `npm run prove               all tests, the long proofs at full size
npm run prove -- ARGUMENTS  anything else goes to vitest (a path, -t NAME, ...)
Needs the programs that npm test gets. Takes hours on two cores.`;

const args = process.argv.slice(2);
if (args.includes("--help") || args.includes("-h")) console.log(help);
else {
  const vitest = join(resolve(import.meta.dirname, "../.."), "node_modules/vitest/vitest.mjs");
  const { status } = spawnSync(process.execPath, [vitest, "run", ...args], {
    stdio: "inherit",
    env: { ...process.env, VITALS_PROVE: "1" },
  });
  process.exitCode = status ?? 1;
}
