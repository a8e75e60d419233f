// A run of its own for the tests: gets alertmanager from a release server, then says so.
import { acquire } from "../../tools/acquire.ts";
import { program } from "./programs-by-name.ts";

const [dir = "", base = ""] = process.argv.slice(2);
const { acquired } = await acquire({
  only: [program("alertmanager")],
  dir,
  skip: ["path", "go"],
  env: { ...process.env, VITALS_RELEASE_BASE_ALERTMANAGER: base },
});
console.log(JSON.stringify(acquired));
