// A publisher's server and a cache folder for the tests of tools/.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Progress } from "../../tools/progress.ts";

/** A folder that unprivileged users can reach, gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "vitals-tools-"));
  chmodSync(folder, 0o755);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Collects the lines that a person would see. */
export function recorder(): Progress & { readonly lines: readonly string[] } {
  const lines: string[] = [];
  return { lines, line: (text) => lines.push(text), doing: () => {}, stop: () => {} };
}

export interface Publisher {
  readonly base: string;
  /** Requests as `METHOD path`. */
  readonly requests: readonly string[];
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** An HTTP server on the loopback address. */
export async function serve(handler: Handler): Promise<Publisher> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (request.method === "HEAD") response.end();
    else handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

export interface Archive {
  readonly name: string;
  readonly content: Buffer;
  readonly sum: string;
  /** Sums of the files in it, as `sha256sum -b` prints them. */
  readonly fileSums: string;
}

export const sha256 = (content: Buffer | string): string => createHash("sha256").update(content).digest("hex");

/** A release archive: one folder with scripts that print a version, and a licence. */
export function archive(name: string, binaries: Readonly<Record<string, string>>): Archive {
  const folder = mkdtempSync(join(tmpdir(), "vitals-archive-"));
  try {
    const top = name.replace(/\.tar\.gz$/, "");
    mkdirSync(join(folder, top));
    for (const [binary, version] of Object.entries(binaries)) {
      // Random text, so that the archive is large enough to be cut in the middle.
      const script = `#!/bin/sh\necho "${binary}, version ${version}"\nexit 0\n${Array.from({ length: 4_000 }, () => `#${Math.random()}`).join("\n")}\n`;
      writeFileSync(join(folder, top, binary), script, { mode: 0o755 });
    }
    writeFileSync(join(folder, top, "LICENSE"), "licence\n");
    execFileSync("tar", ["-czf", join(folder, name), "-C", folder, top]);
    const content = readFileSync(join(folder, name));
    const fileSums = Object.keys(binaries)
      .map((binary) => `${sha256(readFileSync(join(folder, top, binary)))} *${top}/${binary}\n`)
      .join("");
    return { name, content, sum: sha256(content), fileSums };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
