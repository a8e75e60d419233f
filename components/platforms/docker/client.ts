// Asks an engine through Docker's own client, which knows contexts, keys and sockets as the person has set them up.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { stackError } from "../../errors.ts";

/** As the provider is told; without a word, the client's own choice. */
export interface Engine {
  readonly host?: string;
  readonly context?: string;
}

export interface Answer {
  readonly code: number;
  /** Standard output and standard error, trimmed. */
  readonly stdout: string;
  readonly stderr: string;
}

const patienceMs = 600_000;

/** Throws a StackError where there is no client, or where it does not end in time. */
export async function ask({ host, context }: Engine, args: readonly string[]): Promise<Answer> {
  // As in the provider, the context comes first.
  const where = context !== undefined ? ["--context", context] : host !== undefined ? ["--host", host] : [];
  try {
    const { stdout, stderr } = await promisify(execFile)("docker", [...where, ...args], { timeout: patienceMs });
    return { code: 0, stdout: stdout.trim(), stderr: stderr.trim() };
  } catch (error) {
    const { code, stdout = "", stderr = "" } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof code === "number") return { code, stdout: stdout.trim(), stderr: stderr.trim() };
    throw stackError(
      `docker ${args[0]}`,
      code === "ENOENT" ? "Docker's client is not on PATH" : `did not end within ${patienceMs / 60_000} minutes`,
      code === "ENOENT"
        ? "Install it (Debian: docker.io or docker-ce-cli)."
        : "See whether the engine answers: docker ps.",
      error,
    );
  }
}

/** What it says. Throws a StackError with its own words where it refuses. */
export async function told(engine: Engine, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await ask(engine, args);
  if (code !== 0)
    throw stackError(`docker ${args[0]}`, stderr, "Mend what the engine names, then run the same command again.");
  return stdout;
}
