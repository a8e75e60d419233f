// Every small fault of every alert, and how many of them no proof notices; the names of those are printed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { stackError } from "../../components/errors.ts";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import type { Verdict } from "./measure.ts";

/** What of all mutants may go unnoticed, in per cent. */
const promised = 5;

/** Rejects where the tests that make the mutants cannot run. */
export async function benchMutants(say: (line: string) => void): Promise<readonly Verdict[]> {
  const vitest = join(codeRoot, "node_modules/vitest/vitest.mjs");
  const running = spawn(process.execPath, [vitest, "run", "test/alerts/mutants.test.ts"], {
    cwd: codeRoot,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, VITALS_PROVE: "1", NO_COLOR: "1" },
  });
  const ended = once(running, "exit");
  let [noticed, all, judgedTopics, topics] = [0, 0, 0, 1];
  for await (const line of createInterface({ input: running.stdout })) {
    const [, killed, judged, of] = /^[\w-]+: (\d+) of (\d+) mutants noticed .* topic \d+ of (\d+)\)$/.exec(line) ?? [];
    if (killed !== undefined) {
      noticed += Number(killed);
      all += Number(judged);
      judgedTopics++;
      topics = Number(of);
    }
    if (killed !== undefined || /"\w+: .* -> /.test(line)) say(line.trim());
  }
  const [code] = await ended;
  // A topic whose alerts do not pass their own proofs, or that took too long, says nothing of its mutants.
  if (judgedTopics < topics || (code !== 0 && noticed === all))
    throw stackError(
      "mutants",
      `were not all made: the tests ended with ${code}, and tell of ${judgedTopics} topics`,
      "Run npm run prove -- test/alerts/mutants.test.ts.",
    );
  const missed = all === 0 ? 100 : (100 * (all - noticed)) / all;
  return [
    {
      what: `mutants of ${all} that no proof notices`,
      seen: `${missed.toFixed(2)} %`,
      promised: `${promised} %`,
      kept: missed <= promised,
    },
  ];
}
