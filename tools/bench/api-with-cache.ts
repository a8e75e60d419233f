// The demo's REST services through a gateway with its cache and through one without, on one PostgreSQL: response times, throughput,
// statements that PostgreSQL has run, values found. The one without has turns before and after those of the other, which are in a row:
// what is kept grows old by the clock, and a gateway that people use has no pauses in which nobody asks it.
import { appRole } from "../../demo/clinic/roles.ts";
import { nextRequest } from "../../demo/traffic/actions.ts";
import { createDraws } from "../../demo/traffic/draws.ts";
import { sheets } from "../../records/index.ts";
import { type Clinic, readMetric, startClinic, sumOf } from "../../test/demo/clinic.ts";
import { startGateway, type TestGateway } from "../../test/gateway/support.ts";
import { until } from "../../test/support/ports.ts";
import { startRedis } from "../../test/support/redis.ts";
import { acquire } from "../acquire.ts";
import { programOf } from "../programs.ts";
import { table } from "../stack/table.ts";
import { type Answered, drive, type Planned, planned } from "./api/load.ts";
import { median, type Verdict } from "./measure.ts";

export interface ApiAmounts {
  readonly patients: number;
  /** How long the cache fills before anything is measured. */
  readonly warmSeconds: number;
  /** Requests of a turn of one caller, and of a turn of many. */
  readonly alone: number;
  readonly together: number;
  readonly callers: number;
  readonly rounds: number;
  /** Short turns, for what shall differ by nothing, and requests of each. */
  readonly shortTurns: number;
  readonly short: number;
}

const whole = {
  patients: 50_000,
  // The shortest time for which an answer is kept: from then on as many end as are kept anew.
  warmSeconds: 300,
  alone: 2_000,
  together: 20_000,
  callers: 32,
  shortTurns: 60,
  short: 100,
};

const sides = ["without", "with"] as const;
type Side = (typeof sides)[number];
type PerSide<T> = Readonly<Record<Side, T>>;
/** `unkept` has a cache and keeps none of its routes; `plain` has none, and has answered as much as `unkept`. */
type Front = Side | "plain" | "unkept";
const kept: PerSide<Front> = { without: "without", with: "with" };
const unkept: PerSide<Front> = { without: "plain", with: "unkept" };
/** Processes of a front whose figures shall not differ, one after the other in its turns: two that are alike differ by more. */
const processes = 3;
/** What is asked, as it is for whoever has the token. */
type Plan = (authorization: string) => Iterable<Planned>;

type Gateway = TestGateway & { readonly authorization: string };

interface World {
  readonly clinic: Clinic;
  readonly gateways: Readonly<Record<Front, readonly Gateway[]>>;
  /** What the demo's people ask, the same for the same seed; `wanted` leaves out the rest. */
  readonly people: (seed: number, count: number, wanted?: Wanted, headers?: Readonly<Record<string, string>>) => Plan;
}
type Wanted = (method: string) => boolean;

interface Turn {
  readonly answered: readonly Answered[];
  readonly seconds: number;
  /** That PostgreSQL has run for the services. */
  readonly statements: number;
  /** Values that the cache was asked for, and those that it had. */
  readonly asked: number;
  readonly found: number;
}

export const benchApiWithCache = (rounds: number, say: (line: string) => void): Promise<readonly Verdict[]> =>
  compare({ ...whole, rounds }, say);

export async function compare(amounts: ApiAmounts, say: (line: string) => void): Promise<readonly Verdict[]> {
  const { together, callers, short, shortTurns } = amounts;
  const stop: (() => unknown)[] = [];
  try {
    const world = await startWorld(amounts, say, stop);
    const { people } = world;
    // A process that has answered little yet is slower: V8 has not compiled what it runs.
    await turn(world, "without", callers, people(500, together));
    const before = await takeKinds(world, "without", amounts, say);
    await warm(world, amounts, say);
    const ours = await takeKinds(world, "with", amounts, say);
    const after = await takeKinds(world, "without", amounts, say);
    const bothOf = (kind: keyof Kinds): Both => ({ without: [...before[kind], ...after[kind]], with: ours[kind] });
    const [one, many, reads] = [bothOf("one"), bothOf("many"), bothOf("reads")];
    for (let nth = 0; nth < processes; nth++)
      for (const front of ["plain", "unkept"] as const)
        await turn(world, front, callers, people(600, together / processes), nth);
    const never = await takeTurns(world, shortTurns, 1, (round) => people(4_000 + round, short, isRead), unkept);
    const past = await takeTurns(world, shortTurns, 1, (round) => people(5_000 + round, short, isRead, pastCache));
    const free = await takeTurns(world, shortTurns, 1, (round) => people(6_000 + round, short, isWrite), unkept);
    const writes = await takeTurns(world, shortTurns, 1, (round) => people(7_000 + round, short, isWrite));
    say(`\n${tableOf(callers, one, many, reads, { never, past, free, writes })}`);
    return verdicts(one, many, reads, never, free);
  } finally {
    for (const end of stop.toReversed()) await end();
  }
}

const isRead: Wanted = (method) => method === "GET";
const isWrite: Wanted = (method) => method !== "GET";
const pastCache = { "cache-control": "no-cache" };

async function startWorld(
  { patients }: ApiAmounts,
  say: (line: string) => void,
  stop: (() => unknown)[],
): Promise<World> {
  for (const name of ["redis", "postgres"]) {
    const program = programOf(name);
    if (program !== undefined) await acquire({ only: [program] });
  }
  const clinic = await startClinic({ shared_preload_libraries: "pg_stat_statements" });
  stop.push(clinic.stop);
  const seeded = await clinic.seed("--patients", String(patients));
  if (seeded.code !== 0) throw new Error(seeded.output);
  say(`  ${seeded.output.trim()}`);
  const services = await Promise.all(sheets.map(async ({ name }) => [name, (await clinic.service(name)).url] as const));
  const redis = await startRedis();
  stop.push(() => redis.stop());
  const start = async (settings: object) => {
    const gateway = await startGateway(Object.fromEntries(services), settings);
    stop.push(gateway.stop);
    return { ...gateway, authorization: `Bearer ${await gateway.issuer.token(["manager"], { expires: "2h" })}` };
  };
  const address = { redis: { address: `127.0.0.1:${redis.port}` } };
  const uncached = sheets.flatMap(({ resources }) => resources.map(({ name }) => name));
  const several = async (settings: object): Promise<readonly Gateway[]> => {
    const started: Gateway[] = [];
    while (started.length < processes) started.push(await start(settings));
    return started;
  };
  const gateways = {
    without: [await start({})],
    with: [await start(address)],
    plain: await several({}),
    unkept: await several({ ...address, uncached }),
  };
  for (const { url } of [...gateways.with, ...gateways.unkept])
    await until(async () => sumOf(await readMetric(url, "cache_circuit_open")) === 0);
  return {
    clinic,
    gateways,
    people: (seed, count, wanted = () => true, headers = {}) =>
      function* (authorization) {
        const draws = createDraws(seed);
        for (let made = 0; made < count; ) {
          const { method, path, body } = nextRequest(draws, patients);
          if (!wanted(method)) continue;
          made++;
          yield planned(method, `/api/v2${path}`, { authorization, ...headers }, body);
        }
      },
  };
}

/** Fills the cache by what people ask, and says how it goes. */
async function warm(world: World, { warmSeconds, callers }: ApiAmounts, say: (line: string) => void): Promise<void> {
  const end = performance.now() + warmSeconds * 1_000;
  for (let part = 0; performance.now() < end; part++) {
    const partEnd = Math.min(end, performance.now() + 60_000);
    const plan: Plan = function* (authorization) {
      for (const each of world.people(part, Number.POSITIVE_INFINITY)(authorization)) {
        if (performance.now() > partEnd) return;
        yield each;
      }
    };
    const { answered, found, asked, statements } = await turn(world, "with", callers, plan);
    const figures = `${answered.length} requests, ${percent(found / asked)} found, ${statements} statements`;
    say(`  the cache fills, minute ${part + 1}: ${figures}`);
  }
}

type Kinds = Readonly<Record<"one" | "many" | "reads", readonly Turn[]>>;

/** The turns of one side, in a row; the other has the same requests in its own. */
async function takeKinds(
  world: World,
  side: Side,
  { alone, together, callers, rounds }: ApiAmounts,
  say: (line: string) => void,
): Promise<Kinds> {
  const { people } = world;
  const turns = async (callers: number, planOf: (round: number) => Plan): Promise<readonly Turn[]> => {
    const seen: Turn[] = [];
    for (let round = 0; round < rounds; round++) seen.push(await turn(world, side, callers, planOf(round)));
    return seen;
  };
  const one = await turns(1, (round) => people(1_000 + round, alone));
  const many = await turns(callers, (round) => people(2_000 + round, together));
  const reads = await turns(callers, (round) => people(3_000 + round, together, isRead));
  const perSecond = `${rounded(readsPerSecond(many))} reads a second beside writes, ${rounded(readsPerSecond(reads))} without`;
  say(`  ${side} the cache: ${perSecond}`);
  return { one, many, reads };
}

/** The sides in turn, each with the same requests, so that a slow moment of the machine hits both alike. */
async function takeTurns(
  world: World,
  rounds: number,
  callers: number,
  planOf: (round: number) => Plan,
  fronts = kept,
): Promise<PerSide<readonly Turn[]>> {
  const seen = { without: [] as Turn[], with: [] as Turn[] };
  for (let round = 0; round < rounds; round++)
    for (const side of round % 2 === 0 ? sides : sides.toReversed())
      seen[side].push(await turn(world, fronts[side], callers, planOf(round), round));
  return seen;
}

/** `nth`: which of the front's processes, if it has several. */
async function turn({ clinic, gateways }: World, front: Front, callers: number, plan: Plan, nth = 0): Promise<Turn> {
  const { url, authorization } = gateways[front][nth % gateways[front].length] as Gateway;
  const state = async () => {
    const sql = `SELECT sum(calls)::float8 AS calls FROM pg_stat_statements(false) WHERE userid = '${appRole}'::regrole`;
    const [row] = await clinic.sql<{ calls: number | null }>(sql);
    const of = async (metric: string): Promise<number> => sumOf(await readMetric(url, metric));
    const cache = front === "with" ? [await of("cache_requests_total"), await of("cache_hits_total")] : [0, 0];
    return [row?.calls ?? 0, ...cache] as const;
  };
  const before = await state();
  const { answered, seconds } = await drive(url, plan(authorization), callers);
  const [statements, asked, found] = (await state()).map((value, index) => value - (before[index] ?? 0));
  const failed = answered.filter(({ status }) => status >= 400 && status !== 404).length;
  if (failed > 0) throw new Error(`${failed} of ${answered.length} requests failed (${front})`);
  return { answered, seconds, statements: statements ?? 0, asked: asked ?? 0, found: found ?? 0 };
}

const sum = (turns: readonly Turn[], of: (turn: Turn) => number): number =>
  turns.reduce((total, each) => total + of(each), 0);
const quantile = (turns: readonly Turn[], share: number): number => {
  const times = Float64Array.from(turns.flatMap(({ answered }) => answered.map(({ ms }) => ms))).sort();
  return times[Math.floor(share * times.length)] ?? Number.NaN;
};
const perRequest = (turns: readonly Turn[]): number =>
  sum(turns, ({ statements }) => statements) / sum(turns, ({ answered }) => answered.length);
const foundShare = (turns: readonly Turn[]): number =>
  sum(turns, ({ found }) => found) / sum(turns, ({ asked }) => asked);
/** Reads in a second, of the turn in the middle: all routes that are read are kept. */
const readsPerSecond = (turns: readonly Turn[]): number =>
  median(turns.map(({ answered, seconds }) => answered.filter(({ write }) => !write).length / seconds));

type Both = PerSide<readonly Turn[]>;
const ratio = ({ with: ours, without }: Both, of: (turns: readonly Turn[]) => number): number => of(ours) / of(without);

/** One caller's turns for what shall not suffer. */
type Others = Readonly<Record<"never" | "past" | "free" | "writes", Both>>;

function tableOf(callers: number, one: Both, many: Both, reads: Both, others: Others): string {
  const row = (what: string, of: (turns: readonly Turn[]) => number, both: Both, text: (value: number) => string) => [
    what,
    text(of(both.without)),
    text(of(both.with)),
    `${ratio(both, of).toFixed(2)} x`,
  ];
  const at = (share: number) => (turns: readonly Turn[]) => quantile(turns, share);
  const [found, readsFound] = [foundShare([...one.with, ...many.with]), foundShare(reads.with)];
  const atBest = (share: number): string => `${(1 / (1 - share)).toFixed(2)} x`;
  return table([
    ["", "WITHOUT", "WITH", ""],
    row("one caller: median", at(0.5), one, milliseconds),
    row("one caller: 99 of 100", at(0.99), one, milliseconds),
    row("one caller: statements a request", perRequest, one, decimal),
    row(`${callers} callers: median`, at(0.5), many, milliseconds),
    row(`${callers} callers: 99 of 100`, at(0.99), many, milliseconds),
    row(`${callers} callers: statements a request`, perRequest, many, decimal),
    row(`${callers} callers: reads a second, beside their writes`, readsPerSecond, many, rounded),
    row(`${callers} callers: reads a second, without writes`, readsPerSecond, reads, rounded),
    ["values found, beside writes; reads a second at most", "", percent(found), atBest(found)],
    ["values found, without writes; reads a second at most", "", percent(readsFound), atBest(readsFound)],
    row("a read of a route that is never kept: median", at(0.5), others.never, milliseconds),
    row("a read past the cache: median", at(0.5), others.past, milliseconds),
    row("a write that makes nothing invalid: median", at(0.5), others.free, milliseconds),
    row("a write, once nobody is served what was before: median", at(0.5), others.writes, milliseconds),
  ]);
}

const milliseconds = (value: number): string => `${value.toFixed(2)} ms`;
const decimal = (value: number): string => value.toFixed(2);
const rounded = (value: number): string => Math.round(value).toLocaleString("en");
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function verdicts(one: Both, many: Both, reads: Both, never: Both, free: Both): readonly Verdict[] {
  const judged = (what: string, value: number, most: number, digits = 2): Verdict => ({
    what,
    seen: `${value.toFixed(digits)} x`,
    promised: `${most.toFixed(digits)} x`,
    kept: value <= most,
  });
  const missed = 1 - foundShare([...one.with, ...many.with]);
  return [
    judged(
      "response time at the median, to that without a cache",
      ratio(one, (turns) => quantile(turns, 0.5)),
      0.2,
    ),
    judged("statements of PostgreSQL a request", ratio(many, perRequest), 0.5),
    { what: "values that were not found", seen: percent(missed), promised: percent(0.2), kept: missed <= 0.2 },
    judged("reads a second without a cache, of those with one", 1 / ratio(reads, readsPerSecond), 0.1),
    judged("the same beside writes", 1 / ratio(many, readsPerSecond), 0.1),
    judged(
      "time of a read of a route that is never kept",
      ratio(never, (turns) => quantile(turns, 0.5)),
      1.02,
      3,
    ),
    judged(
      "time of a write to such a route",
      ratio(free, (turns) => quantile(turns, 0.5)),
      1.02,
      3,
    ),
  ];
}
