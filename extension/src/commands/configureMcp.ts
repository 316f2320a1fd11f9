import { Uri, window } from "vscode";
import type { CommandFactory } from "../context";
import { MCP, type McpFile } from "../protocol";

const FILES: readonly { label: McpFile; description: string }[] = [
  { label: ".mcp.json", description: "Claude Code and other hosts that read it" },
  { label: ".cursor/mcp.json", description: "Cursor" },
  { label: ".vscode/mcp.json", description: "VS Code, for everybody who opens this folder" },
];

/** Has the sidecar write into a host's file how it starts our MCP server, and shows the file. */
export const configureMcp: CommandFactory = ({ sidecar }) => async () => {
  const folder = sidecar.folder?.fsPath;
  if (folder === undefined) {
    void window.showInformationMessage("Open a folder first: hosts read which MCP servers there are from files in it.");
    return;
  }
  const chosen = await window.showQuickPick(FILES, { title: "Write Refrain's MCP server into which file?" });
  if (chosen !== undefined) {
    const { written } = await sidecar.request(MCP, { folder, file: chosen.label });
    await window.showTextDocument(Uri.file(written ?? folder));
  }
};
