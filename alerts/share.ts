// An alert on a share: too much of what is done fails, is slow or is missed, for five minutes; with little traffic a few say nothing yet.
import { type Expr, promql } from "../telemetry/promql.ts";
import { type Alert, counter, type Given, limited, metByChance } from "./rule.ts";

/** So many samples of 15 s with so much of the part and of the whole in a second. */
export type Phase = readonly [samples: number, part: number, whole: number];

export interface Sharing extends Omit<Alert, "expr" | "limit" | "unit" | "for" | "keepFiringFor" | "proofs"> {
  /** Per second, over five minutes. */
  readonly part: Expr;
  readonly whole: Expr;
  /** The share of `part` in `whole` that is too high, 0 to 0.6. */
  readonly limit: number;
  /** So many of `part` in a second say nothing yet. */
  readonly least: number;
  /** The series of one of two processes that go through these phases. */
  readonly given: (ordinal: number, phases: readonly Phase[]) => readonly Given[];
  /** What else is there, and must not count. */
  readonly others?: readonly Given[];
  /** One of its series, never there. */
  readonly missing: Given;
  /** Labels of what fires. */
  readonly firing: Readonly<Record<string, string>>;
  /** The summary with those labels. */
  readonly told: string;
}

/** Too high a share over five minutes, for five minutes. */
export function sharing({
  part,
  whole,
  limit,
  least,
  given,
  others = [],
  missing,
  firing,
  told,
  ...alert
}: Sharing): Alert {
  const high = limited(
    limit,
    "ratio",
    (value) => promql`${promql`${part} / ${whole}`} > ${value} and ${part} > ${least}`,
  );
  return {
    ...alert,
    ...high,
    for: "5m",
    keepFiringFor: "5m",
    equivalent: metByChance(high.expr.text),
    proofs: sharingProofs({ limit, least, given, others, missing, firing, told }),
  };
}

/** What a counter that belongs to the part or to the whole shows: it has counted before, as one that begins at 0 is extrapolated less. */
export const counted = (phases: readonly Phase[], perSecond: (phase: Phase) => number): string =>
  counter(
    phases.map((phase) => [phase[0], perSecond(phase) * 15]),
    1_000_000,
  );

type Proving = Required<Pick<Sharing, "limit" | "least" | "given" | "others" | "missing" | "firing" | "told">>;

/** Of two processes; rates are per second, a sample is 15 s, and the five minutes see 19 increments. */
function sharingProofs({ limit, least, given, others, missing, firing: labels, told }: Proving): Alert["proofs"] {
  const split = (weights: readonly [number, number], ...phases: readonly Phase[]): readonly Given[] => [
    ...weights.flatMap((weight, ordinal) =>
      given(
        ordinal,
        phases.map(([samples, part, whole]) => [samples, part * weight, whole * weight]),
      ),
    ),
    ...others,
  ];
  const much = (40 * least) / limit;
  const [beyond, high] = [1.01 * limit, 1.2 * limit];
  const firing = [labels];
  return [
    {
      says: "fires five minutes after the share has grown, whatever the traffic was, and resolves five after it is low",
      given: split([0.75, 0.25], [20, 0, 2 * much], [60, 1.6 * limit * much, much], [30, 0, much]),
      firing: { "13m30s": [], "13m45s": firing, "20m": firing, "26m45s": firing, "27m": [] },
      text: { at: "13m45s", summary: told, value: `${limit * 160}%` },
    },
    {
      says: "is silent just under the limit",
      given: split([0.75, 0.25], [40, 0.99 * limit * much, much]),
      firing: { "6m": [], "9m": [] },
    },
    {
      says: "fires just above it, also while the traffic grows",
      given: split([0.75, 0.25], [12, beyond * much, much], [30, 20 * beyond * much, 20 * much]),
      firing: { "5m": [], "5m15s": firing, "9m": firing },
    },
    {
      says: "is silent for too few, whatever the share",
      given: split([0.5, 0.5], [40, 0.95 * least, (0.95 * least) / high]),
      firing: { "6m": [], "9m": [] },
    },
    {
      says: "fires for just enough",
      given: split([0.5, 0.5], [20, 0.9 * least, (0.9 * least) / high], [30, 1.5 * least, (1.5 * least) / high]),
      firing: { "10m45s": [], "11m": firing, "12m": firing },
    },
    {
      says: "is silent without traffic, and where there is nothing of the kind",
      given: [...split([0.5, 0.5], [40, 0, 0]), missing],
      firing: { "6m": [], "9m": [] },
    },
  ];
}
