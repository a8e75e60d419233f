// How a program ends when something fails that nobody expected. Node would write the error's message and fields, which may quote a row.
import { failureOf } from "../telemetry/failure.ts";
import type { Log } from "../telemetry/log.ts";

const mostMs = 1_000;

/** One line with the kind of the error and its place in the code, then exit code 1; `tell` has a second to report it. */
export function sayLastWords(log: Log, tell: (thrown: unknown) => Promise<void> = async () => {}): void {
  process.once("uncaughtException", (thrown) => {
    log.error("unexpected failure", failureOf(thrown));
    setTimeout(() => process.exit(1), mostMs);
    void tell(thrown).finally(() => process.exit(1));
  });
}
