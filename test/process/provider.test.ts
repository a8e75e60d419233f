// The provider's process: it lives as long as the engine that started it, however that ends.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";
import { identify } from "../../components/platforms/process/table.ts";
import { until } from "../support/ports.ts";

const provider = join(import.meta.dirname, "../../components/platforms/provider/main.ts");

it("a provider whose engine was killed ends by itself", async () => {
  // The shell stands for the engine: it starts the provider, says its pid, and is killed.
  const engine = spawn(
    "/bin/sh",
    ["-c", '"$0" "$1" 127.0.0.1:1 >/dev/null 2>&1 & echo $!; wait', process.execPath, provider],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const [said] = (await once(engine.stdout, "data")) as [Buffer];
  const pid = Number(said.toString());
  try {
    // It listens once it has loaded; before that it cannot notice anything.
    await new Promise((loaded) => setTimeout(loaded, 3_000));
    expect(identify(pid)).toBeDefined();
    engine.kill("SIGKILL");
    await until(() => identify(pid) === undefined, 15_000);
  } finally {
    engine.kill("SIGKILL");
    if (identify(pid) !== undefined) process.kill(pid, "SIGKILL");
  }
});
