// The cache beside other libraries, and beside bare lru-cache and ioredis: hits in the process and in Redis, with tags, memory per value.
import { join } from "node:path";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { startRedis } from "../../test/support/redis.ts";
import { acquire } from "../acquire.ts";
import { run } from "../exec.ts";
import { programOf } from "../programs.ts";
import { table } from "../stack/table.ts";
import { bare, contenders, type Layer, type Opened } from "./cache/contenders.ts";
import { onOneCore } from "./core.ts";
import { beside, quiet, shuffled, type Verdict } from "./measure.ts";
import { installPeers } from "./peers.ts";

/** What differs between those that are compared. */
const note = `async-cache-dedupe and the bare GET look at no tags when they read: an invalidation deletes the keys that it has listed.
The others compare tags at each read; ours so that no load in flight brings back what was invalidated.`;
const size = 10_000;
/** Ids that are asked for; each is kept before anything is measured. */
const ids = 1_000;
const sampled = 500;
const leastRounds = 90;

interface Scenario {
  readonly name: string;
  readonly layer: Layer;
  readonly tagged: boolean;
  /** Reads of one run, and how many of them are under way together. */
  readonly reads: number;
  readonly together: number;
}

const scenarios = [
  { name: "hit in the process", layer: "l1", tagged: false, reads: 5_000, together: 1 },
  { name: "hit in the process, two tags", layer: "l1", tagged: true, reads: 5_000, together: 1 },
  { name: "hit in Redis", layer: "l2", tagged: false, reads: 500, together: 1 },
  { name: "hit in Redis, 100 together", layer: "l2", tagged: false, reads: 5_000, together: 100 },
  { name: "hit in Redis, two tags", layer: "l2", tagged: true, reads: 500, together: 1 },
  { name: "hit in Redis, two tags, 100 together", layer: "l2", tagged: true, reads: 5_000, together: 100 },
] as const satisfies readonly Scenario[];
type ScenarioName = (typeof scenarios)[number]["name"];
/** In which ours shall be the fastest. */
const besidePeers = [
  "hit in the process",
  "hit in the process, two tags",
  "hit in Redis, two tags",
  "hit in Redis, two tags, 100 together",
] as const satisfies readonly ScenarioName[];

/** Nanoseconds, turn by turn; the turns of all contenders are of the same moments. */
interface Seen {
  readonly each: readonly number[];
  readonly p99: readonly number[];
}
type All = ReadonlyMap<string, Seen>;

export async function benchCache(rounds: number, say: (line: string) => void): Promise<readonly Verdict[]> {
  const redis = programOf("redis");
  if (redis !== undefined) await acquire({ only: [redis] });
  const peers = await installPeers("cache-peers", say);
  const server = await startRedis();
  say(
    `EACH and P99 are of the quiet quarter of the turns, x ${bare} is the median of all turns beside those of the same moment.`,
  );
  try {
    const seen = new Map<ScenarioName, All>();
    for (const scenario of scenarios) {
      const alone = scenario.layer === "l2" && scenario.together === 1;
      const comparing = () => compare(scenario, Math.max(leastRounds, rounds), server.port, peers);
      const found = await (alone ? onOneCore([process.pid, server.pid], comparing) : comparing());
      seen.set(scenario.name, found);
      say(`\n${scenario.name}\n${tableOf(found)}`);
      if (scenario.layer === "l2" && scenario.tagged) say(note);
    }
    const bytes = await memory(server.port, peers);
    const floor = bytes.get(bare) ?? Number.NaN;
    say(
      `\nmemory for each value kept in the process\n${table([
        ["", "BYTES", `x ${bare}`],
        ...[...bytes].map(([name, each]) => [name, each.toFixed(0), (each / floor).toFixed(2)]),
      ])}`,
    );
    return verdicts(seen);
  } finally {
    await server.stop();
  }
}

/** All contenders in one process, interleaved in short turns. */
async function compare(
  { layer, tagged, reads, together }: Scenario,
  rounds: number,
  redisPort: number,
  peers: string,
): Promise<All> {
  const opened = new Map<string, Opened>();
  for (const [name, contender] of Object.entries(contenders)) {
    const prefix = `${name}-${layer}-${tagged ? "tagged" : "plain"}`;
    const one = await contender.open(layer, tagged, { redisPort, prefix, peers, size });
    if (one !== undefined) opened.set(name, one);
  }
  try {
    const seen = new Map([...opened.keys()].map((name) => [name, { each: [] as number[], p99: [] as number[] }]));
    for (const one of opened.values()) {
      for (let id = 0; id < ids; id++) await one.read(id);
      // Until the compiler has done what it can.
      await timed(one, 30_000, together);
    }
    for (let round = 0; round < rounds; round++)
      for (const [name, one] of shuffled([...opened])) {
        seen.get(name)?.each.push((await timed(one, reads, together)) / reads);
        seen.get(name)?.p99.push(await ninetyNine(one, together));
      }
    return seen;
  } finally {
    for (const one of opened.values()) await one.close();
  }
}

async function timed({ read }: Opened, reads: number, together: number): Promise<number> {
  // What the one before kept from running runs now.
  await new Promise((resolve) => setTimeout(resolve, 20));
  for (let id = 0; id < 100; id++) await read(id);
  const from = performance.now();
  for (let done = 0; done < reads; done += together)
    if (together === 1) await read(done % ids);
    else await Promise.all(Array.from({ length: together }, (_, index) => read((done + index) % ids)));
  return (performance.now() - from) * 1e6;
}

/** Nanoseconds in which 99 of 100 reads are answered, each from when those together are asked. */
async function ninetyNine({ read }: Opened, together: number): Promise<number> {
  const times: number[] = [];
  while (times.length < sampled) {
    const [at, from] = [times.length, performance.now()];
    const one = async (index: number): Promise<void> => {
      await read((at + index) % ids);
      times.push((performance.now() - from) * 1e6);
    };
    if (together === 1) await one(0);
    else await Promise.all(Array.from({ length: together }, (_, index) => one(index)));
  }
  return times.toSorted((left, right) => left - right)[Math.floor(0.99 * times.length)] ?? Number.NaN;
}

/** Bytes a value, each contender in a process of its own. */
async function memory(redisPort: number, peers: string): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  const script = join(codeRoot, "tools/bench/cache/memory.ts");
  for (const name of Object.keys(contenders)) {
    const args = ["--expose-gc", script, name, String(redisPort), peers];
    const { stdout } = await run(process.execPath, args, { timeoutMs: 120_000 });
    found.set(name, Number(stdout.trim() || Number.NaN));
  }
  return found;
}

function tableOf(all: All): string {
  const floor = all.get(bare);
  const times = (of: readonly number[], to: readonly number[] = []): string => beside(of, to).toFixed(2);
  return table([
    ["", "A SECOND", "EACH", `x ${bare}`, "P99", `x ${bare}`],
    ...[...all].map(([name, { each, p99 }]) => [
      name,
      Math.round(1e9 / quiet(each)).toLocaleString("en"),
      duration(quiet(each)),
      times(each, floor?.each),
      duration(quiet(p99)),
      times(p99, floor?.p99),
    ]),
  ]);
}

const duration = (nanoseconds: number): string =>
  nanoseconds < 10_000 ? `${Math.round(nanoseconds)} ns` : `${(nanoseconds / 1_000).toFixed(1)} us`;

function verdicts(seen: ReadonlyMap<ScenarioName, All>): readonly Verdict[] {
  const of = (scenario: ScenarioName, name: string): readonly number[] => seen.get(scenario)?.get(name)?.each ?? [];
  const toBare = (scenario: ScenarioName): number => beside(of(scenario, "ours"), of(scenario, bare));
  const toFastest = (scenario: ScenarioName): number => {
    const others = [...(seen.get(scenario)?.keys() ?? [])].filter((name) => name !== bare && name !== "ours");
    return Math.max(...others.map((name) => beside(of(scenario, "ours"), of(scenario, name))));
  };
  const judged = (what: string, value: number, most: number): Verdict => ({
    what,
    seen: `${value.toFixed(2)} x`,
    promised: `${most.toFixed(2)} x`,
    kept: value <= most,
  });
  return [
    judged("hit in the process, to bare lru-cache", toBare("hit in the process"), 3.5),
    judged("hit in Redis, to a bare GET and JSON.parse", toBare("hit in Redis"), 1.15),
    judged("the same, 100 together", toBare("hit in Redis, 100 together"), 1.15),
    ...besidePeers.map((name) => judged(`${name}, to the fastest other library`, toFastest(name), 1)),
  ];
}
