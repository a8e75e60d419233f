// Prints what a tick takes of the processor, in nanoseconds, after a process was idle and collected: `node --expose-gc ticking.ts [kept]`.
import { setTimeout as sleep } from "node:timers/promises";
import { keepTicksFast } from "../../components/ticks.ts";

if (process.argv[2] === "kept") keepTicksFast();
for (let tick = 0; tick < 20; tick++) process.nextTick(() => {});
for (let turn = 0; turn < 2; turn++) {
  await sleep(5);
  gc?.();
}
const ticks = 200_000;
const round = (): Promise<void> =>
  new Promise((resolve) => {
    let left = ticks;
    const next = (): void => {
      if (--left === 0) resolve();
      else process.nextTick(next);
    };
    process.nextTick(next);
  });
// Until the compiler has done what it can.
await round();
await round();
const before = process.cpuUsage();
await round();
const { user, system } = process.cpuUsage(before);
console.log(((1_000 * (user + system)) / ticks).toFixed(0));
