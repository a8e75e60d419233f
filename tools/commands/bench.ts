// Runs one benchmark and prints ratios measured side by side.
import { stackError } from "../../components/errors.ts";
import { benchApiWithCache } from "../bench/api-with-cache.ts";
import { benchCache } from "../bench/cache.ts";
import { benchDashboards } from "../bench/dashboards.ts";
import { benchDbStats } from "../bench/db-stats.ts";
import { benchFaults } from "../bench/faults.ts";
import { benchFirst } from "../bench/first.ts";
import { benchGateway } from "../bench/gateway.ts";
import type { Verdict } from "../bench/measure.ts";
import { benchMutants } from "../bench/mutants.ts";
import { benchObserving } from "../bench/observing.ts";
import { benchPreview } from "../bench/preview.ts";
import { benchProbes } from "../bench/probes.ts";
import { benchUp } from "../bench/up.ts";
import { command, UsageError } from "../stack/command.ts";
import { table } from "../stack/table.ts";

interface Options {
  readonly rounds: number;
  readonly cold: boolean;
}

const benches: Readonly<
  Record<
    string,
    {
      readonly says: string;
      readonly run: (options: Options, say: (line: string) => void) => Promise<readonly Verdict[]>;
    }
  >
> = {
  up: {
    says: "up and preview beside plain starts and empty programs; what the supervisor and the exporters cost",
    run: ({ rounds }, say) => benchUp(rounds, say),
  },
  preview: {
    says: "render and preview of a large Kubernetes stack, beside bare Node and an empty program",
    run: ({ rounds }, say) => benchPreview(rounds, say),
  },
  probes: {
    says: "the probes of integration-health beside blackbox_exporter: phases, CPU a probe, memory",
    run: ({ rounds }, say) => benchProbes(rounds, say),
  },
  faults: {
    says: "faults of vendors as integration-health, Gatus and blackbox_exporter tell them; --rounds are hours of the world, five minutes each",
    run: ({ rounds }, say) => benchFaults(rounds, say),
  },
  cache: {
    says: "the cache's hits, tags and memory beside bentocache, cacheable, cache-manager, async-cache-dedupe, lru-cache, ioredis",
    run: ({ rounds }, say) => benchCache(rounds, say),
  },
  "api-with-cache": {
    says: "the demo's REST services through a gateway with its cache and one without: response times, throughput, statements",
    run: ({ rounds }, say) => benchApiWithCache(rounds, say),
  },
  "db-stats": {
    says: "db-stats beside postgres_exporter and redis_exporter on the same servers: server time, rows, wall time, memory",
    run: ({ rounds }, say) => benchDbStats(rounds, say),
  },
  dashboards: {
    says: "what each dashboard asks of a Prometheus with thirty days of the demo's series: samples touched, time",
    run: ({ rounds }, say) => benchDashboards(rounds, say),
  },
  mutants: {
    says: "the alerts with one small fault at a time: how many no proof notices, and which",
    run: (_options, say) => benchMutants(say),
  },
  gateway: {
    says: "the gateway with telemetry off, measured and traced, cached and not, beside bare Fastify and @fastify/http-proxy",
    run: ({ rounds }, say) => benchGateway(rounds, say),
  },
  observing: {
    says: "what the exporters and the services' telemetry take of the machine's processors over five minutes of the demo's traffic",
    run: ({ rounds }, say) => benchObserving(rounds, say),
  },
  first: {
    says: "fresh checkout -> ready -> first filled panel -> first Slack message",
    run: ({ cold }, say) => benchFirst(cold, say),
  },
};

const help = `npm run bench -- NAME
${Object.entries(benches)
  .map(([name, { says }]) => `  ${name.padEnd(14)} ${says}`)
  .join("\n")}
  --rounds N   interleaved rounds of each way (default 3)
  --cold       first: with empty tool and Go caches, as on a new machine
Exit code 0: every promise was kept. 1: one was missed; the table says which.`;

await command(
  help,
  { rounds: { type: "string", default: "3" }, cold: { type: "boolean", default: false } },
  async ({ values, positionals }) => {
    const [name = "", ...more] = positionals;
    const bench = benches[name];
    const rounds = Number(values.rounds);
    if (more.length > 0) throw new UsageError(`"${more.join(" ")}" is too much: one benchmark at a time.`);
    if (!Number.isInteger(rounds) || rounds < 1)
      throw new UsageError(`--rounds ${values.rounds} is not a whole number above 0.`);
    if (name === "") {
      console.log(help);
      return 2;
    }
    if (bench === undefined)
      throw stackError(name, "is not a benchmark", `Use one of: ${Object.keys(benches).join(", ")}.`);
    const verdicts = await bench.run({ rounds, cold: values.cold === true }, console.log);
    console.log(
      `\n${table([["WHAT", "SEEN", "PROMISED", ""], ...verdicts.map(({ what, seen, promised, kept }) => [what, seen, `<= ${promised}`, kept ? "kept" : "MISSED"])])}`,
    );
    return verdicts.every(({ kept }) => kept) ? 0 : 1;
  },
  { names: true },
);
