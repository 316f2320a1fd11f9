import * as vscode from "vscode";
import { MCP } from "./protocol";
import type { Sidecar } from "./sidecar";

/** As in `contributes.mcpServerDefinitionProviders`. */
const PROVIDER = "refrain.mcp";

/** What of VS Code 1.101 is used here: older ones, and editors made of them, have none of it. */
interface McpApi {
  lm: { registerMcpServerDefinitionProvider?(id: string, provider: Provider): vscode.Disposable };
  McpStdioServerDefinition: new (
    label: string,
    command: string,
    args: string[],
    env: Record<string, string>,
    version?: string,
  ) => { cwd?: vscode.Uri };
}

interface Provider {
  onDidChangeMcpServerDefinitions: vscode.Event<void>;
  provideMcpServerDefinitions(): Promise<object[]>;
}

/** Offers `refrain mcp` to the editor's own agents, where the sidecar's Python has the extra for it. */
export class McpServers implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: vscode.Disposable[] = [this.changed];
  private lacking: string | undefined;

  constructor(
    private readonly sidecar: Sidecar,
    private readonly log: vscode.LogOutputChannel,
  ) {
    const { lm, McpStdioServerDefinition } = vscode as unknown as McpApi;
    const provider: Provider = {
      onDidChangeMcpServerDefinitions: this.changed.event,
      provideMcpServerDefinitions: () => this.definitions(McpStdioServerDefinition),
    };
    const registered = lm.registerMcpServerDefinitionProvider?.(PROVIDER, provider);
    if (registered === undefined) {
      log.info("This editor takes no MCP servers from extensions: “Configure MCP…” writes a file for it.");
      return;
    }
    // Another interpreter may have what this one lacks, or the other way round.
    const restarted = sidecar.onDidChangeState((state) => state === "running" && this.changed.fire());
    this.subscriptions.push(registered, restarted);
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private async definitions(Definition: McpApi["McpStdioServerDefinition"]): Promise<object[]> {
    const { folder } = this.sidecar;
    // In a folder that is not trusted it would read what lies there.
    if (this.sidecar.state === "stopped" || !vscode.workspace.isTrusted) {
      return [];
    }
    const server = await this.sidecar.request(MCP, { folder: folder?.fsPath ?? "." });
    if (!server.installed) {
      if (this.lacking !== server.command) {
        this.lacking = server.command;
        this.log.info(`The MCP server is not offered: ${server.command} -m pip install 'refrain-cache[mcp]' would bring it.`);
      }
      return [];
    }
    const definition = new Definition("Refrain", server.command, server.args, server.env);
    return [folder === undefined ? definition : Object.assign(definition, { cwd: folder })];
  }
}
