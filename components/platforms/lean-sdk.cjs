// Loaded before Pulumi's SDK by our commands: keeps out of it what this program has no use for, a third of a preview's time.
const Module = require("node:module");
const { dirname } = require("node:path");

// Node strips types itself. An older language host installs ts-node whatever Pulumi.yaml says, and with it a compiler.
process.env.PULUMI_NODEJS_TYPESCRIPT = "false";

// The SDK reads a compiler and npm's dependency solver to serialise functions, as its dynamic providers do; ours is a program.
for (const name of ["typescript", "@npmcli/arborist"]) {
  try {
    const sdk = dirname(require.resolve("@pulumi/pulumi"));
    const path = require.resolve(name, { paths: [sdk] });
    const empty = new Module(path);
    empty.filename = path;
    empty.loaded = true;
    require.cache[path] = empty;
  } catch {
    // An SDK without it is as lean.
  }
}
