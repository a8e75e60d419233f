// Prints the browser's modules without their types, as one JSON object: name -> JavaScript.
import { globSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";

const folder = process.argv[2] ?? ".";
const modules = globSync("**/*.ts", { cwd: folder }).map((name) => [
  name.replaceAll("\\", "/"),
  stripTypeScriptTypes(readFileSync(join(folder, name), "utf8")),
]);
process.stdout.write(JSON.stringify(Object.fromEntries(modules)));
