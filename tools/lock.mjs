// A lock file with an owner that can be checked, so that a dead owner's lock is taken over. Plain JavaScript: run.mjs needs it on any Node.
import { execFileSync } from "node:child_process";
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";

const beat = 5_000;
const silentAfter = 60_000;

/** What tells a process from another one that later got the same number; undefined when there is none. */
export function processIdentity(pid) {
  try {
    if (process.platform === "linux") {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // The name in parentheses may hold spaces; the start time is the 20th field after it.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (fields[0] === "Z") return undefined;
      return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}:${fields[19]}`;
    }
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Takes the lock if it is free or its owner is gone. Returns { release }, or { owner } when somebody alive holds it. */
export function tryLock(file) {
  const draft = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  const text = JSON.stringify({
    pid: process.pid,
    identity: processIdentity(process.pid),
    host: hostname(),
    token: draft,
  });
  writeFileSync(draft, text, { mode: 0o644 });
  try {
    for (;;) {
      try {
        // A hard link appears with its content: nobody ever reads half a lock.
        linkSync(draft, file);
        return held(file, text);
      } catch (error) {
        if (error.code !== "EEXIST") throw error;
      }
      const found = read(file);
      if (found === undefined) continue;
      if (isAlive(found, file)) return { owner: found.owner.pid ?? 0 };
      takeAway(file, found.text);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Waits for the lock. `onWait` is told once whom it waits for; `signal` ends the wait. */
export async function lock(file, { onWait = () => {}, signal = undefined, poll = 300 } = {}) {
  for (let told = false; ; told = true) {
    signal?.throwIfAborted();
    const attempt = tryLock(file);
    if (attempt.release !== undefined) return attempt;
    if (!told) onWait(attempt.owner);
    await new Promise((resolve) => setTimeout(resolve, poll));
  }
}

function held(file, text) {
  const timer = setInterval(() => {
    try {
      utimesSync(file, new Date(), new Date());
    } catch {
      // Somebody removed it by hand; the work goes on, its result is put in place by a single rename anyway.
    }
  }, beat);
  timer.unref();
  const release = () => {
    clearInterval(timer);
    if (read(file)?.text === text) rmSync(file, { force: true });
  };
  return { release };
}

function isAlive({ owner, mtimeMs }) {
  // The process table of another machine (a cache on a shared disk) cannot be read; its owner touches the file instead.
  if (owner.host !== hostname()) return Date.now() - mtimeMs < silentAfter;
  return owner.identity !== undefined && processIdentity(owner.pid) === owner.identity;
}

function takeAway(file, staleText) {
  const aside = `${file}.stale.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  // Somebody else may have been faster and hold a fresh lock now: give it back.
  if (readFileSync(aside, "utf8") !== staleText) {
    try {
      linkSync(aside, file);
    } catch {
      // A third one holds it; the loser only does work twice.
    }
  }
  rmSync(aside, { force: true });
}

function read(file) {
  try {
    const text = readFileSync(file, "utf8");
    const { mtimeMs } = statSync(file);
    let owner = {};
    try {
      owner = JSON.parse(text);
    } catch {
      // Not ours or damaged: counts as left by a dead process of this machine.
      owner = { host: hostname() };
    }
    return { text, owner, mtimeMs };
  } catch {
    return undefined;
  }
}
