// Brings a stack up from a fresh checkout: tools, then `pulumi up`, then a table of URLs.
import { bringUp } from "../stack/bring-up.ts";
import { command, stackOption } from "../stack/command.ts";

const help = `npm start                 gets the tools, brings stack dev up, and prints where everything is
npm start -- --stack S    another stack of this checkout
npm start -- --preview    show what would change before it is changed
Ends with code 0 when every service is ready.`;

await command(help, { ...stackOption, preview: { type: "boolean", default: false } }, ({ values }) =>
  bringUp(String(values.stack), values.preview === true),
);
