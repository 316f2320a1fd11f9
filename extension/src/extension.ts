import { type ExtensionContext, languages, tasks, window, workspace } from "vscode";
import { SelectionActions } from "./codeActions";
import { registerCommands } from "./commands";
import { EntriesTree } from "./entriesTree";
import { McpServers } from "./mcpServers";
import { onChoiceChanged } from "./python/extensionChoice";
import { Readiness } from "./readiness";
import { Recipes } from "./recipes";
import { RecipesTree } from "./recipesTree";
import { Serving } from "./serving";
import { Sidecar } from "./sidecar";
import { StatusBar } from "./statusBar";
import { RefrainTasks } from "./tasks";
import { EnrichmentView } from "./webviews/enrichment/view";
import { RecipeView } from "./webviews/recipe/view";
import { ReportView } from "./webviews/report/view";
import { StatsView } from "./webviews/stats/view";

let sidecar: Sidecar | undefined;

export function activate(extension: ExtensionContext): void {
  const log = window.createOutputChannel("Refrain", { log: true });
  const started = (sidecar = new Sidecar(extension, log));
  const serving = new Serving(started, log);
  const statusBar = new StatusBar(started, serving);
  const stats = new StatsView(extension, started, serving);
  const enrichment = new EnrichmentView(extension);
  const recipe = new RecipeView(extension, log);
  const report = new ReportView(extension);
  const entries = new EntriesTree(started, log);
  const recipes = new Recipes(started);
  const recipesTree = new RecipesTree(started, recipes, log);
  extension.subscriptions.push(new Readiness(started, serving), log, started, serving, statusBar, stats, enrichment, recipe, report, entries, recipes, recipesTree);

  registerCommands({ extension, log, sidecar: started, serving, statusBar, stats, enrichment, recipe, report, entries, recipes });
  extension.subscriptions.push(
    new McpServers(started, log),
    tasks.registerTaskProvider("refrain", new RefrainTasks(started, log)),
    languages.registerCodeActionsProvider("*", new SelectionActions(recipes), { providedCodeActionKinds: SelectionActions.kinds }),
    workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("refrain.pythonPath") || change.affectsConfiguration("refrain.configPath")) {
        void started.restartIfChanged();
      }
      if (change.affectsConfiguration("refrain.serve")) {
        serving.obeySetting();
      }
    }),
    workspace.onDidGrantWorkspaceTrust(() => void started.restartIfChanged()),
    workspace.onDidChangeWorkspaceFolders(() => void started.restartIfChanged()),
  );

  // Off the start path: neither the sidecar nor the Python extension may hold up the editor.
  void started.restart();
  void onChoiceChanged(() => void started.restartIfChanged(), log).then(
    (listening) => listening && extension.subscriptions.push(listening),
  );
}

export function deactivate(): Promise<void> | undefined {
  return sidecar?.stop();
}
