// What a person sees of the work: a line for each thing that is done, and what is going on meanwhile.
import { formatMilliseconds } from "../components/units.ts";

export interface Progress {
  readonly line: (text: string) => void;
  /** What a tool is doing now; undefined when it is done. */
  readonly doing: (name: string, what: string | undefined) => void;
  readonly stop: () => void;
}

export interface Screen {
  readonly write: (text: string) => void;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** On a terminal one live line at the bottom; elsewhere now and then a line of what has gone on since the last one. */
export function progress(screen: Screen = process.stderr, everyMs = 60_000): Progress {
  const tasks = new Map<string, Task>();
  const live = screen.isTTY === true;
  let shown = false;
  const clear = () => {
    if (shown) screen.write("\r\x1b[K");
    shown = false;
  };
  const drawLive = () => {
    clear();
    if (tasks.size === 0) return;
    screen.write(summary([...tasks]).slice(0, (screen.columns ?? 80) - 1));
    shown = true;
  };
  const logChanges = () => {
    const changed = [...tasks].filter(([, task]) => task.what !== task.logged);
    if (changed.length > 0) screen.write(`  … ${summary(changed)}\n`);
    for (const [, task] of changed) task.logged = task.what;
  };
  const timer = setInterval(live ? drawLive : logChanges, live ? 500 : everyMs);
  timer.unref();
  return {
    line: (text) => {
      clear();
      screen.write(`${text}\n`);
      if (live) drawLive();
    },
    doing: (name, what) => {
      if (what === undefined) tasks.delete(name);
      else tasks.set(name, { since: performance.now(), ...tasks.get(name), what });
    },
    stop: () => {
      clearInterval(timer);
      clear();
    },
  };
}

interface Task {
  readonly since: number;
  readonly what: string;
  /** What the last line said of it. */
  logged?: string;
}

const summary = (tasks: readonly (readonly [string, Task])[]): string =>
  tasks
    .map(
      ([name, { what, since }]) =>
        `${name}: ${what} (${formatMilliseconds(performance.now() - since).replace(/\.\d s/, " s")})`,
    )
    .join(" · ");

/** For callers that want silence. */
export const silent: Progress = { line: () => {}, doing: () => {}, stop: () => {} };
