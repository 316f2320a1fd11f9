import type { CommandFactory, Context } from "../context";
import { cpuReport } from "../cpuReport";
import { CPU_THREADS } from "../protocol";
import { inTerminal } from "./inTerminal";

/** Shows what cores there are, how many threads are configured, and how many are advised. */
export const cpuThreads: CommandFactory = (context) => () => show(context);

/** Measures the threads on the real model, in a terminal where it can be watched and answered; shows what came of it. */
export const calibrate: CommandFactory = (context) => async () => {
  if ((await inTerminal(context, "Calibrate CPU Threads", "calibrate", ["cpu", "--calibrate"])) === 0) {
    // The number of threads is settled when an engine is begun with.
    await context.sidecar.restart();
    await show(context);
  }
};

async function show({ report, sidecar }: Context): Promise<void> {
  report.show(cpuReport(await sidecar.request(CPU_THREADS, {})));
}
