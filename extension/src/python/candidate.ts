/** A way to start Python, and where it was found. */
export interface Candidate {
  command: string;
  args: readonly string[];
  source: string;
}

/** A Python that can run the sidecar. */
export interface Interpreter {
  executable: string;
  version: string;
  source: string;
}

/** A candidate that cannot, and why, in words for people. */
export interface Rejection {
  candidate: Candidate;
  reason: string;
}

export const OLDEST_PYTHON: readonly [number, number] = [3, 11];

/** Prints one JSON line: the version and the interpreter's own path (`py -3` and shims stand for another one). */
export const PROBE = "import json, sys; print(json.dumps([list(sys.version_info[:3]), sys.executable]))";

/** Where Python is looked for, in order: the setting, the Python extension's choice, then the PATH. */
export function candidates(setting: string, extensionChoice: string | undefined, platform: string): Candidate[] {
  const found: Candidate[] = [];
  if (setting.trim() !== "") {
    found.push({ command: setting.trim(), args: [], source: "setting refrain.pythonPath" });
  }
  if (extensionChoice !== undefined) {
    found.push({ command: extensionChoice, args: [], source: "Python extension" });
  }
  const names = platform === "win32" ? ["python", "python3"] : ["python3", "python"];
  found.push(...names.map((command) => ({ command, args: [], source: "PATH" })));
  if (platform === "win32") {
    found.push({ command: "py", args: ["-3"], source: "PATH" });
  }
  return found;
}

/** Reads what `PROBE` printed: the interpreter, or the reason it will not do. */
export function judge(candidate: Candidate, printed: string): Interpreter | string {
  const line = printed.trim().split(/\r?\n/).at(-1) ?? "";
  let answer: unknown;
  try {
    answer = JSON.parse(line);
  } catch {
    return `it did not answer like Python (${line === "" ? "nothing was printed" : `“${line.slice(0, 80)}”`})`;
  }
  const [version, executable] = Array.isArray(answer) ? (answer as unknown[]) : [];
  if (!Array.isArray(version) || version.length < 2 || typeof executable !== "string") {
    return "it did not answer like Python";
  }
  const [major, minor] = version as [number, number];
  const text = version.join(".");
  if (major < OLDEST_PYTHON[0] || (major === OLDEST_PYTHON[0] && minor < OLDEST_PYTHON[1])) {
    return `it is Python ${text}; ${OLDEST_PYTHON.join(".")} or newer is needed`;
  }
  return { executable: executable === "" ? candidate.command : executable, version: text, source: candidate.source };
}

/** The candidate as it would be typed. */
export function typed(candidate: Candidate): string {
  return [candidate.command, ...candidate.args].join(" ");
}

/** One message that names every candidate that was tried and why it failed. */
export function noneFits(rejections: readonly Rejection[]): string {
  const tried = rejections.map(({ candidate, reason }) => `${typed(candidate)} (${candidate.source}): ${reason}`);
  return `Refrain found no Python ${OLDEST_PYTHON.join(".")} or newer. Tried ${tried.join("; ")}. Install one, or set its path.`;
}
