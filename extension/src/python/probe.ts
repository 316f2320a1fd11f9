import { execFile } from "node:child_process";
import { type Candidate, type Interpreter, judge, PROBE } from "./candidate";

/** Windows Store stubs and broken shims can hang; a cold disk needs a second or two. */
const PROBE_TIMEOUT_MS = 8000;

/** Starts the candidate once and asks what it is: the interpreter, or the reason it will not do. Never throws. */
export function probe(candidate: Candidate): Promise<Interpreter | string> {
  return new Promise((resolve) => {
    execFile(
      candidate.command,
      [...candidate.args, "-I", "-c", PROBE],
      { timeout: PROBE_TIMEOUT_MS, windowsHide: true },
      (error, stdout, stderr) => {
        if (error === null) {
          resolve(judge(candidate, stdout));
        } else if (error.code === "ENOENT") {
          resolve("not found");
        } else if (error.killed === true) {
          resolve(`no answer within ${PROBE_TIMEOUT_MS / 1000} s`);
        } else {
          const said = stderr.trim().split(/\r?\n/).at(-1);
          resolve(said === undefined || said === "" ? error.message : said);
        }
      },
    );
  });
}
