import type { CommandFactory } from "../context";
import { CPU_THREADS, type CpuThreadsResult } from "../protocol";
import type { Fact, Report } from "../webviews/report/protocol";

/** Shows what cores there are, how many threads are configured, and how many are advised. */
export const cpuThreads: CommandFactory = (context) => async () => {
  context.report.show(cpuReport(await context.sidecar.request(CPU_THREADS, {})));
};

function cpuReport(cpu: CpuThreadsResult): Report {
  const facts: Fact[] = [
    { key: "advised", label: "Advised threads", value: String(cpu.advised) },
    { key: "in-force", label: "In force now", value: String(cpu.inForce), ...mark(cpu) },
    { key: "configured", label: "Configured", value: cpu.configured === null ? "auto" : String(cpu.configured) },
    ...(cpu.calibrated === null ? [] : [{ key: "calibrated", label: "Fastest when measured", value: String(cpu.calibrated) }]),
    { key: "cpu-model", label: "Processor", value: cpu.cpuModel },
    { key: "logical", label: "Logical cores", value: String(cpu.logical) },
    { key: "physical", label: "Physical cores", value: String(cpu.physical) },
    { key: "performance-cores", label: "Performance cores", value: String(cpu.performanceCores) },
    { key: "efficiency-cores", label: "Efficiency cores", value: String(cpu.efficiencyCores) },
    { key: "affinity", label: "Usable by this process", value: String(cpu.affinity) },
    { key: "container-cpus", label: "Container limit", value: cpu.containerCpus === null ? "none" : `${cpu.containerCpus} CPUs` },
    { key: "load", label: "Load", value: `${Math.round(cpu.loadPercent)}%` },
  ];
  return {
    title: "CPU Threads",
    lead: cpu.reason,
    facts,
    actions: [{ title: "Open Configuration", command: "refrain.openConfig" }],
  };
}

function mark({ inForce, advised }: CpuThreadsResult): Pick<Fact, "status" | "note"> {
  return inForce === advised
    ? { status: "ok" }
    : { status: "warn", note: `Set inference.num_threads to "auto" or ${advised} in perf_config.json.` };
}
