import type { CommandFactory } from "../context";
import { inTerminal } from "./inTerminal";

/** Installs the embedded engine and its model in a terminal, where its progress can be watched. */
export const fetchModel: CommandFactory = (context) => async () => {
  if ((await inTerminal(context, "Fetch Embedded Model", "fetchModel", ["models", "fetch"])) === 0) {
    // A new sidecar finds the engine and loads the model before it is asked.
    await context.sidecar.restart();
  }
};
