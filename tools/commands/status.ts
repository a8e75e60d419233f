// Shows what runs of a stack, where, and how healthy it is.
import { command, stackOption } from "../stack/command.ts";
import { notices, statusTable } from "../stack/report.ts";
import { runningStack } from "../stack/running.ts";

const help = `npm run status              what runs of stack dev
npm run status -- --stack S another stack
npm run status -- --json    [{ service, url, ready, pid, version }]
Starts nothing. Ends with code 0 when something runs and all of it is ready.`;

await command(help, { ...stackOption, json: { type: "boolean", default: false } }, async ({ values }) => {
  const running = runningStack(String(values.stack));
  const { instances, supervisor, stack } = running;
  if (values.json === true)
    console.log(
      JSON.stringify(
        instances.map(({ service, instance, pages, ready, pid, version, state }) => ({
          service,
          instance,
          url: pages[0]?.url ?? null,
          ready,
          pid: pid ?? null,
          version,
          state,
        })),
        null,
        2,
      ),
    );
  else if (instances.length === 0 && supervisor === undefined)
    console.log(`Nothing of stack ${stack} runs on this machine. Start it: npm start.`);
  else console.log([statusTable(running), ...notices(running)].join("\n\n"));
  return instances.length > 0 && supervisor !== undefined && instances.every(({ ready }) => ready) ? 0 : 1;
});
