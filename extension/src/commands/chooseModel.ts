import { commands, window } from "vscode";
import type { CommandFactory } from "../context";
import { modelItems } from "../modelItems";
import { MODELS } from "../protocol";

/** Shows the models of both engines, and has the chosen one written into the configuration. */
export const chooseModel: CommandFactory = ({ sidecar }) => async () => {
  const items = sidecar.request(MODELS, {}).then(modelItems);
  const chosen = await window.showQuickPick(items, { title: "Choose Model", placeHolder: "Which model is to answer?" });
  if (chosen?.use === null) {
    await commands.executeCommand("refrain.fetchModel");
  } else if (chosen !== undefined) {
    const { written } = await sidecar.request(MODELS, { use: chosen.use });
    void window.showInformationMessage(written === null ? "It was chosen already." : `Written to ${written}.`);
  }
};
