import { counted } from "./format";
import type { CpuThreadsResult, KeptCalibration } from "./protocol";
import type { Fact, Report } from "./webviews/report/protocol";

/** The report's facts: what is in force first, then why, then what the machine has. */
export function cpuReport(cpu: CpuThreadsResult): Report {
  const facts: Fact[] = [
    { key: "advised", label: "Advised threads", value: String(cpu.advised) },
    { key: "in-force", label: "In force now", value: String(cpu.inForce), ...mark(cpu) },
    { key: "configured", label: "Configured", value: cpu.configured === null ? "auto" : String(cpu.configured) },
    measured(cpu.calibration),
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
    actions: [
      { title: "Calibrate", command: "refrain.calibrate" },
      { title: "Open Configuration", command: "refrain.openConfig" },
    ],
  };
}

function mark({ inForce, advised }: CpuThreadsResult): Pick<Fact, "status" | "note"> {
  return inForce === advised
    ? { status: "ok" }
    : { status: "warn", note: `Set \`inference.num_threads\` to \`"auto"\` or \`${advised}\` in perf_config.json.` };
}

function measured(kept: KeptCalibration | null): Fact {
  const fact = { key: "measured", label: "Fastest when measured" };
  if (kept === null) {
    return { ...fact, value: "not calibrated yet" };
  }
  const day = new Date(kept.measuredAt * 1000).toLocaleDateString();
  const made = `${kept.engine} · ${kept.model}, ${day}`;
  return {
    ...fact,
    value: counted(kept.threads, "thread", "threads"),
    ...(kept.doubt === null ? { note: made } : { status: "warn", note: `${made}. Not gone by: ${kept.doubt}` }),
  };
}
