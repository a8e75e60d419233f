// Packs telemetry and the other workspaces as libraries that a service can install.
import { packWorkspace, workspaces } from "../pack.ts";
import { command, UsageError } from "../stack/command.ts";

const help = `npm run pack                      a tarball of each workspace: ${workspaces.join(", ")}
npm run pack -- NAME --out DIR    of one, in another folder than this one
Install it in a service: npm install ./FILE.tgz`;

await command(
  help,
  { out: { type: "string", default: "." } },
  async ({ values, positionals }) => {
    const unknown = positionals.find((name) => !workspaces.includes(name));
    if (unknown !== undefined) throw new UsageError(`"${unknown}" is not a workspace. Use: ${workspaces.join(", ")}.`);
    for (const name of positionals.length > 0 ? positionals : workspaces)
      console.log(await packWorkspace(name, String(values.out)));
    return 0;
  },
  { names: true },
);
