import { existsSync } from "node:fs";
import { Uri, window, workspace } from "vscode";
import { configured, searched } from "../configFile";
import type { CommandFactory, Context } from "../context";

/** Opens the perf_config.json in force; where there is none, offers to make one from the defaults. */
export const openConfig: CommandFactory = (context) => async () => {
  const found = inForce(context);
  if (found !== undefined) {
    await window.showTextDocument(Uri.file(found));
    return;
  }
  const target = context.sidecar.configPath ?? inFolder(context.sidecar.folder);
  if (target === undefined) {
    void window.showInformationMessage(
      "No perf_config.json is in force: the defaults are. Open a folder to make one in it, or set refrain.configPath.",
    );
    return;
  }
  const question = `There is no configuration yet: the defaults are in force. Make ${target}?`;
  if ((await window.showInformationMessage(question, "Make It")) === "Make It") {
    await make(context, Uri.file(target));
  }
};

function inForce({ sidecar }: Context): string | undefined {
  const folder = sidecar.folder?.fsPath;
  const named = configured(process.env["REFRAIN_CONFIG"] ?? "", folder);
  const looked = [named, ...(folder === undefined ? [] : searched(folder))].filter((path) => path !== null);
  return (sidecar.configPath === null ? looked : [sidecar.configPath]).find((path) => existsSync(path));
}

function inFolder(folder: Uri | undefined): string | undefined {
  return folder && Uri.joinPath(folder, "config", "perf_config.json").fsPath;
}

async function make({ extension }: Context, target: Uri): Promise<void> {
  const template = Uri.joinPath(extension.extensionUri, "bundled", "config", "perf_config.json");
  const text = new TextDecoder().decode(await workspace.fs.readFile(template));
  // The extension gives the schema to every perf_config.json: a path to it would only break.
  const { $schema: _, ...sections } = JSON.parse(text) as Record<string, unknown>;
  await workspace.fs.createDirectory(Uri.joinPath(target, ".."));
  if (!existsSync(target.fsPath)) {
    await workspace.fs.writeFile(target, new TextEncoder().encode(`${JSON.stringify(sections, null, 2)}\n`));
  }
  await window.showTextDocument(target);
}
