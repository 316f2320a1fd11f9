import { basename } from "node:path/posix";
import { TabInputCustom, type Uri, window, workspace } from "vscode";
import type { CommandFactory } from "../context";
import { enriching } from "./enriching";

const PICTURE = /\.(png|jpe?g|webp)$/i;

/** Describes the picture chosen in the explorer, or the one that is looked at, and names the mood of it. */
export const describeImage: CommandFactory = (context) => {
  const describe = async (uri: Uri, fresh: boolean): Promise<void> => {
    const params = { text: "", image: await imageOf(uri), fresh };
    await enriching(context, basename(uri.path), params, () => describe(uri, true));
  };

  return async (chosen?: Uri) => {
    const uri = chosen ?? lookedAt();
    if (uri === undefined) {
      void window.showInformationMessage("Open a picture (PNG, JPEG or WebP), or choose one in the explorer.");
      return;
    }
    await describe(uri, false);
  };
};

function lookedAt(): Uri | undefined {
  const input = window.tabGroups.activeTabGroup.activeTab?.input;
  return input instanceof TabInputCustom && PICTURE.test(input.uri.path) ? input.uri : undefined;
}

/** The picture as the sidecar takes it: by its path, or carried along where it lies on no disk of this machine. */
async function imageOf(uri: Uri): Promise<string> {
  if (uri.scheme === "file") {
    return uri.fsPath;
  }
  return `data:;base64,${Buffer.from(await workspace.fs.readFile(uri)).toString("base64")}`;
}
