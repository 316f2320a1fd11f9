import type { CommandFactory } from "../context";
import { cpuReport } from "../cpuReport";
import { CPU_THREADS } from "../protocol";
import { inTerminal } from "./inTerminal";

/** Shows what cores there are, how many threads are configured, and how many are advised. */
export const cpuThreads: CommandFactory = (context) => async () => {
  context.report.show(cpuReport(await context.sidecar.request(CPU_THREADS, {})));
};

/** Measures the threads on the real model, in a terminal where it can be watched and answered. */
export const calibrate: CommandFactory = (context) => async () => {
  if ((await inTerminal(context, "Calibrate CPU Threads", "calibrate", ["cpu", "--calibrate"])) === 0) {
    // The number of threads is settled when an engine is begun with.
    await context.sidecar.restart();
  }
};
