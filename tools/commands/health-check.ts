// Says of each service whether its process runs, is ready, is scraped, and which alerts fire.
import { messageOf } from "../../components/errors.ts";
import { command, stackOption } from "../stack/command.ts";
import { loginTo, needSupervisor, type RunningStack, runningStack, urlIn } from "../stack/running.ts";
import { table } from "../stack/table.ts";

const help = `npm run monitoring:health-check              stack dev
npm run monitoring:health-check -- --stack S another stack
  --json                                     as JSON
Exit code 0: every process runs and is ready, every target is scraped, no alert of severity page fires. 1: not so.`;

interface Target {
  readonly labels: Readonly<Record<string, string>>;
  readonly health: string;
}
interface FiringAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: string;
}

await command(help, { ...stackOption, json: { type: "boolean", default: false } }, async ({ values }) => {
  const running = runningStack(String(values.stack));
  needSupervisor(running);
  const asked = await Promise.allSettled([
    ask<{ activeTargets: Target[] }>(running, "targets?state=active"),
    ask<{ alerts: FiringAlert[] }>(running, "alerts"),
  ]);
  const [targets, alerts] = asked;
  const scraped = targets.status === "fulfilled" ? targets.value.activeTargets : [];
  const firing = (alerts.status === "fulfilled" ? alerts.value.alerts : []).filter(
    ({ state, labels }) => state === "firing" && labels.alertname !== "Watchdog",
  );
  const rows = [...running.instances.map(({ service }) => service), ...scraped.map(({ labels }) => labels.job ?? "")]
    .filter((service, index, all) => all.indexOf(service) === index)
    .map((service) => {
      const own = running.instances.filter((each) => each.service === service);
      const seen = scraped.filter(({ labels }) => labels.job === service);
      return {
        service,
        process:
          own.length === 0
            ? service === "supervisor"
              ? "runs"
              : "elsewhere"
            : own.every(({ kind, ready }) => kind === "job" && ready)
              ? "done"
              : own.every(({ pid }) => pid !== undefined)
                ? "runs"
                : "DEAD",
        ready: own.length === 0 ? "" : own.every(({ ready }) => ready) ? "ready" : "NOT READY",
        scraped:
          seen.length === 0
            ? ""
            : seen.every(({ health }) => health === "up")
              ? "scraped"
              : seen.some(({ health }) => health === "unknown")
                ? "not yet"
                : "NOT SCRAPED",
        alerts: firing
          .filter(({ labels }) => labels.service === service || labels.job === service)
          .map(({ labels }) => labels.alertname ?? ""),
      };
    });
  const others = firing.filter(
    ({ labels }) => !rows.some(({ service }) => labels.service === service || labels.job === service),
  );
  const unreachable = asked.flatMap((each) => (each.status === "rejected" ? [messageOf(each.reason)] : []));
  if (values.json === true)
    console.log(
      JSON.stringify({ services: rows, alerts: firing.map(({ labels }) => labels), errors: unreachable }, null, 2),
    );
  else {
    console.log(
      table([
        ["SERVICE", "PROCESS", "READY", "SCRAPED", "ALERTS FIRING"],
        ...rows.map((row) => [row.service, row.process, row.ready, row.scraped, row.alerts.join(", ")]),
      ]),
    );
    for (const { labels } of others) console.log(`\nAlso firing: ${labels.alertname} (${labels.severity})`);
    for (const reason of unreachable) console.log(`\nPrometheus cannot be asked: ${reason}`);
  }
  const bad = rows.some(({ process: runs, ready, scraped: seen }) =>
    [runs, ready, seen].some((cell) => /^(DEAD|NOT)/.test(cell)),
  );
  return bad || unreachable.length > 0 || firing.some(({ labels }) => labels.severity === "page") ? 1 : 0;
});

async function ask<T>(running: RunningStack, path: string): Promise<T> {
  const response = await fetch(`${urlIn(running, "prometheus", "web")}/api/v1/${path}`, {
    headers: loginTo(running, "prometheus"),
    signal: AbortSignal.timeout(5_000),
  });
  if (!response.ok) throw new Error(`it answers ${response.status}`);
  return ((await response.json()) as { data: T }).data;
}
