// Restarts one service, or all, through the supervisor.
import { stackError } from "../../components/errors.ts";
import { call } from "../../components/platforms/process/client.ts";
import { formatMilliseconds } from "../../components/units.ts";
import { command, stackOption } from "../stack/command.ts";
import { needSupervisor, runningStack } from "../stack/running.ts";

const help = `npm run monitoring:restart                 restarts every service of stack dev, one after the other
npm run monitoring:restart -- NAME [NAME]  restarts these
  --stack S                                another stack
Each is ready again before the next one goes down.`;

await command(
  help,
  stackOption,
  async ({ values, positionals }) => {
    const running = runningStack(String(values.stack));
    const supervisor = needSupervisor(running);
    const services = running.instances.filter(({ kind }) => kind !== "job");
    const unknown = positionals.filter(
      (name) => !services.some(({ service, instance }) => service === name || instance === name),
    );
    if (unknown.length > 0)
      throw stackError(
        unknown.join(", "),
        "is not a service that runs",
        `Use one of: ${services.map(({ service }) => service).join(", ")}.`,
      );
    const chosen = services.filter(
      ({ service, instance }) =>
        positionals.length === 0 || positionals.includes(service) || positionals.includes(instance),
    );
    for (const { instance } of chosen) {
      const { readyAfterMs } = await call<{ readyAfterMs: number }>(supervisor, "POST", "restart", { instance });
      console.log(`${instance}: ready again after ${formatMilliseconds(readyAfterMs)}`);
    }
    return 0;
  },
  { names: true },
);
