import { type LogOutputChannel, type Uri, workspace } from "vscode";
import { candidates, type Interpreter, noneFits, type Rejection, typed } from "./candidate";
import { chosenInPythonExtension } from "./extensionChoice";
import { probe } from "./probe";

/** No candidate can run the sidecar; the message names each and why. */
export class NoPython extends Error {
  constructor(rejections: readonly Rejection[]) {
    super(noneFits(rejections));
    this.name = "NoPython";
  }
}

/** What was found, and whether the setting had to be passed over. */
export interface Found {
  interpreter: Interpreter;
  passedOver: readonly Rejection[];
}

/** The first candidate that can run the sidecar. Throws `NoPython` when none can. */
export async function findPython(folder: Uri | undefined, log: LogOutputChannel): Promise<Found> {
  const setting = workspace.getConfiguration("refrain", folder).get<string>("pythonPath", "");
  // One may lie in the workspace.
  const choice = workspace.isTrusted ? await chosenInPythonExtension(folder, log) : undefined;
  const rejections: Rejection[] = [];
  for (const candidate of candidates(setting, choice, process.platform)) {
    const answer = await probe(candidate);
    if (typeof answer !== "string") {
      log.info(`Python ${answer.version}: ${answer.executable} (${answer.source})`);
      return { interpreter: answer, passedOver: rejections };
    }
    log.info(`Python candidate ${typed(candidate)} (${candidate.source}) will not do: ${answer}`);
    rejections.push({ candidate, reason: answer });
  }
  throw new NoPython(rejections);
}
