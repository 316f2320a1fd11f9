/** A line of the sidecar's log without its time, which the output channel writes itself. */
export interface LogLine {
  level: "debug" | "info" | "warn" | "error";
  text: string;
}

const RECORD = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ (DEBUG|INFO|WARNING|ERROR|CRITICAL) (.*)$/;
const LEVELS: Record<string, LogLine["level"]> = {
  DEBUG: "debug",
  INFO: "info",
  WARNING: "warn",
  ERROR: "error",
  CRITICAL: "error",
};

/** Reads a line the sidecar wrote to stderr. What is no log record (a traceback, for one) is kept whole, as info. */
export function logLine(line: string): LogLine {
  const [, level, text] = RECORD.exec(line) ?? [];
  return level === undefined || text === undefined
    ? { level: "info", text: line }
    : { level: LEVELS[level] ?? "info", text };
}
