import { createInterface } from "node:readline";
import type { LogOutputChannel } from "vscode";
import { CloseAction, ErrorAction, LanguageClient, RevealOutputChannelOn } from "vscode-languageclient/node";
import type { Launch } from "./launch";
import { logLine } from "./logLine";

/** What a client is made from. `onClosed` returns what the log says of an end that nobody asked for. */
export interface ClientParts {
  launch: Launch;
  configPath: string | null;
  trusted: boolean;
  cwd: string;
  log: LogOutputChannel;
  onLine: (text: string) => void;
  onClosed: () => string;
}

/** Leaves it to `Sidecar` to tell people what went wrong, in one message that says what to do. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

/** The language client on the sidecar's stdio. It never restarts by itself: that needs a new look for Python. */
export function languageClient({ launch, configPath, trusted, cwd, log, onLine, onClosed }: ClientParts): LanguageClient {
  return new QuietClient(
    "refrain",
    "Refrain",
    { command: launch.command, args: launch.args, options: { env: { ...process.env, ...launch.env }, cwd } },
    {
      // Only these are sent as they are edited: other texts stay here until something is to be done with them.
      documentSelector: [
        { scheme: "file", pattern: "**/perf_config.json" },
        { scheme: "file", pattern: "**/*.recipe.md" },
      ],
      initializationOptions: { configPath, trusted },
      outputChannel: log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => ({ action: CloseAction.DoNotRestart, message: onClosed(), handled: true }),
      },
      middleware: {
        // The extension offers the same actions itself, for every language and unsaved files too.
        provideCodeActions: () => [],
      },
      stdioOptions: {
        stdout: () => undefined,
        stderr: (stream) => {
          createInterface({ input: stream, crlfDelay: Infinity }).on("line", (line) => {
            const { level, text } = logLine(line);
            log[level](text);
            onLine(text);
          });
        },
      },
    },
  );
}
