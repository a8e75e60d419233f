// Whether we are online ourselves: anchors on the internet are asked when an integration fails, so that our own outage is not told as theirs.
import type { ProbeCause } from "../../telemetry/catalogue/integrations.ts";

/** What asking one anchor showed. */
export interface AnchorAnswer {
  /** It is known by a name, and the name was found. */
  readonly resolved: boolean | undefined;
  readonly connected: boolean;
}

export interface Connectivity {
  /** Whether a failure with this cause can be told as theirs. Answers that the anchors gave before `since` are asked for anew. */
  online(cause: ProbeCause | undefined, since?: number): Promise<boolean>;
  /** Of the last answer; undefined before the first one. */
  last(): boolean | undefined;
}

/** Causes that our own network could have. An answer of theirs, whatever it says, proves that we are online. */
export const ofTheNetwork: ReadonlySet<ProbeCause> = new Set(["dns", "connect", "timeout", "tls", "other"]);

/**
 * `ask` asks one anchor and never rejects. Answers are good for `keepMs`, and shared by all who ask meanwhile. Without anchors
 * we count as online.
 */
export function connectivity<A>({
  anchors,
  ask,
  now,
  keepMs = 1_000,
}: {
  readonly anchors: readonly A[];
  readonly ask: (anchor: A) => Promise<AnchorAnswer>;
  readonly now: () => number;
  readonly keepMs?: number;
}): Connectivity {
  let known: { readonly from: number; readonly answers: Promise<readonly AnchorAnswer[]> } | undefined;
  let last: boolean | undefined;
  /** All of them failing by themselves in one moment is rare; twice in a row it does not happen. */
  const askTwice = async (): Promise<readonly AnchorAnswer[]> => {
    const first = await Promise.all(anchors.map(ask));
    return first.some(({ connected }) => connected) ? first : Promise.all(anchors.map(ask));
  };
  const answers = (since: number): Promise<readonly AnchorAnswer[]> => {
    // Answers from the future are those of a clock that was set back.
    if (known === undefined || known.from < since || known.from > now()) known = { from: now(), answers: askTwice() };
    return known.answers;
  };
  return {
    last: () => last,
    online: async (cause, since = now() - keepMs) => {
      if (anchors.length === 0) return true;
      if (cause === undefined || !ofTheNetwork.has(cause)) {
        last = true;
        return true;
      }
      const seen = await answers(since);
      last = seen.some(({ connected }) => connected);
      // Names of nobody are found: it is our resolver that is away.
      const named = seen.filter(({ resolved }) => resolved !== undefined);
      return cause === "dns" && named.length > 0 ? named.some(({ resolved }) => resolved) : last;
    },
  };
}
