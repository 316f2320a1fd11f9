/** What a task of type `refrain` may say in tasks.json. */
export interface RefrainTask {
  task: string;
  file?: string;
  output?: string;
}

/** The tasks offered by *Run Task*, by name. */
export const OFFERED: readonly [string, RefrainTask][] = [
  ["Show Cache Stats", { task: "stats" }],
  ["Purge Expired", { task: "purgeExpired" }],
  ["Check CPU Threads", { task: "cpu" }],
  ["Run Worker on Current File", { task: "worker" }],
];

const FIXED = new Map([
  ["stats", ["stats"]],
  ["purgeExpired", ["purge", "--expired"]],
  ["cpu", ["cpu"]],
]);

/** The command line's arguments for a task; undefined for a task there is not. VS Code fills the variables in. */
export function taskArguments({ task, file, output }: RefrainTask): string[] | undefined {
  return task === "worker" ? ["worker", file ?? "${file}", "-o", output ?? besides(file)] : FIXED.get(task);
}

function besides(file: string | undefined): string {
  return file === undefined
    ? "${fileDirname}/${fileBasenameNoExtension}.enriched.jsonl"
    : `${file.replace(/\.[^./\\]*$/, "")}.enriched.jsonl`;
}
