// Downloads that cannot hang: a host is asked once whether it answers at all, and a transfer that stalls is given up.
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";

export interface NetLimits {
  /** Until a host has answered anything. */
  readonly connectMs: number;
  /** Between two pieces of a download. */
  readonly stallMs: number;
}

export const defaultLimits: NetLimits = { connectMs: 5_000, stallMs: 20_000 };

/** Why a download did not happen, as one line. */
export class DownloadError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DownloadError";
  }
}

export interface Network {
  readonly text: (url: string) => Promise<string>;
  /** Stores the body and returns its sha256. */
  readonly download: (url: string, file: string, onBytes?: (bytes: number, total: number) => void) => Promise<string>;
}

/** One per run: the answers about hosts are shared. */
export function network(limits: NetLimits = defaultLimits, signal?: AbortSignal): Network {
  const probes = new Map<string, Promise<void>>();
  const reach = (url: string): Promise<void> => {
    const { origin } = new URL(url);
    const known = probes.get(origin) ?? probe(origin, limits, signal);
    probes.set(origin, known);
    return known;
  };
  return {
    text: async (url) => {
      await reach(url);
      const guard = stallGuard(limits.stallMs, signal);
      try {
        const response = await request(url, guard.signal);
        return await response.text();
      } catch (error) {
        throw explain(error, url, limits.stallMs);
      } finally {
        guard.stop();
      }
    },
    download: async (url, file, onBytes) => {
      await reach(url);
      const guard = stallGuard(limits.stallMs, signal);
      const hash = createHash("sha256");
      let bytes = 0;
      let total = 0;
      let started = false;
      try {
        const response = await request(url, guard.signal);
        started = true;
        total = Number(response.headers.get("content-length") ?? 0);
        const pieces = async function* () {
          for await (const chunk of response.body ?? []) {
            guard.beat();
            bytes += chunk.byteLength;
            hash.update(chunk);
            onBytes?.(bytes, total);
            yield chunk;
          }
        };
        await pipeline(pieces, createWriteStream(file));
      } catch (error) {
        // What fetch calls a TypeError: the connection ended before the body did.
        if (!started || !(error instanceof TypeError)) throw explain(error, url, limits.stallMs);
        throw new DownloadError(`truncated: ${bytes} ${total > 0 ? `of ${total} ` : ""}bytes of ${url}`, {
          cause: error,
        });
      } finally {
        guard.stop();
      }
      return hash.digest("hex");
    },
  };
}

async function probe(origin: string, limits: NetLimits, signal: AbortSignal | undefined): Promise<void> {
  const guard = stallGuard(limits.connectMs, signal);
  try {
    // Whatever it answers, it is there.
    await fetch(origin, { method: "HEAD", redirect: "manual", signal: guard.signal });
  } catch (error) {
    throw explain(error, origin, limits.connectMs);
  } finally {
    guard.stop();
  }
}

async function request(url: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal });
  if (response.ok) return response;
  await response.body?.cancel();
  throw new DownloadError(`HTTP ${response.status} for ${url}`);
}

function stallGuard(ms: number, outer: AbortSignal | undefined) {
  const controller = new AbortController();
  const stalled = () => controller.abort(new DOMException("stalled", "TimeoutError"));
  let timer = setTimeout(stalled, ms);
  const onAbort = () => controller.abort(outer?.reason);
  if (outer?.aborted) onAbort();
  outer?.addEventListener("abort", onAbort, { once: true });
  return {
    signal: controller.signal,
    beat: () => {
      clearTimeout(timer);
      timer = setTimeout(stalled, ms);
    },
    stop: () => {
      clearTimeout(timer);
      outer?.removeEventListener("abort", onAbort);
    },
  };
}

/** Why a request failed, as one line; what is not the network's fault stays as it is. */
export function explain(error: unknown, url: string, ms: number): Error {
  if (error instanceof DownloadError) return error;
  // Not the network's fault: a full disk, for example.
  if (error instanceof Error && "syscall" in error) return error;
  const { host } = new URL(url);
  if (error instanceof DOMException && error.name === "TimeoutError")
    return new DownloadError(`blocked (no answer from ${host} for ${ms / 1_000} s)`, { cause: error });
  const cause = error instanceof Error ? (error.cause as { code?: string; hostname?: string } | undefined) : undefined;
  return new DownloadError(`blocked (${cause?.code ?? String(error)} ${cause?.hostname ?? host})`, { cause: error });
}
