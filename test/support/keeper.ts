// Ends the programs of a test process that is gone: one that is killed cannot do so itself.
const pids = new Set<number>();

// A terminal's Ctrl-C reaches us, too; we have to outlive those whom we clean up after.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

process.on("message", ({ pid, runs }: { readonly pid: number; readonly runs: boolean }) => {
  if (runs) pids.add(pid);
  else pids.delete(pid);
});

process.on("disconnect", () => {
  for (const pid of pids)
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has just ended by itself.
    }
  process.exit();
});
