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

/** On a terminal one live line at the bottom, elsewhere a plain line now and then. */
export function progress(screen: Screen = process.stderr, everyMs = 15_000): Progress {
  const tasks = new Map<string, { what: string; since: number }>();
  const live = screen.isTTY === true;
  let shown = false;
  const status = () =>
    [...tasks].map(
      ([name, { what, since }]) =>
        `${name}: ${what} (${formatMilliseconds(performance.now() - since).replace(/\.\d s/, " s")})`,
    );
  const clear = () => {
    if (shown) screen.write("\r\x1b[K");
    shown = false;
  };
  const draw = () => {
    clear();
    if (tasks.size === 0) return;
    if (live)
      screen.write(
        status()
          .join(" · ")
          .slice(0, (screen.columns ?? 80) - 1),
      );
    else screen.write(`  … ${status().join(" · ")}\n`);
    shown = live;
  };
  const timer = setInterval(draw, live ? 500 : everyMs);
  timer.unref();
  return {
    line: (text) => {
      clear();
      screen.write(`${text}\n`);
      if (live) draw();
    },
    doing: (name, what) => {
      if (what === undefined) tasks.delete(name);
      else tasks.set(name, { what, since: tasks.get(name)?.since ?? performance.now() });
    },
    stop: () => {
      clearInterval(timer);
      clear();
    },
  };
}

/** For callers that want silence. */
export const silent: Progress = { line: () => {}, doing: () => {}, stop: () => {} };
