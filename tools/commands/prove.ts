// Runs the long proofs at full size: every mutant, every moment of interruption; `npm test` takes seeded samples of them.
import { runTests } from "../run-tests.ts";

const help = `npm run prove               all tests, the long proofs at full size
npm run prove -- ARGUMENTS  anything else goes to vitest (a path, -t NAME, ...)
Needs the programs that npm test gets. Takes hours on two cores.`;

const args = process.argv.slice(2);
if (args.includes("--help") || args.includes("-h")) console.log(help);
else process.exitCode = await runTests(args, { VITALS_PROVE: "1" });
