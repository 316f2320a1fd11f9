import { type Disposable, EventEmitter, workspace } from "vscode";
import { RECIPES, type RecipeInfo } from "./protocol";
import type { Sidecar } from "./sidecar";

/** The recipes there are. What was told of them is kept until a file or their use may have changed it. */
export class Recipes implements Disposable {
  private readonly changes = new EventEmitter<undefined>();
  private known: Promise<readonly RecipeInfo[]> | undefined;
  private readonly subscriptions: Disposable[];

  readonly onDidChange = this.changes.event;

  constructor(private readonly sidecar: Sidecar) {
    const files = workspace.createFileSystemWatcher("**/.refrain/recipes/*");
    const changed = (): void => this.changed();
    this.subscriptions = [
      this.changes,
      files,
      files.onDidCreate(changed),
      files.onDidChange(changed),
      files.onDidDelete(changed),
      // Those in the user's own folder lie where no watcher looks.
      workspace.onDidSaveTextDocument(({ fileName }) => fileName.endsWith(".recipe.md") && this.changed()),
      sidecar.onDidChangeState((state) => state !== "starting" && this.changed()),
    ];
  }

  /** Every recipe, broken ones too, by name; none while the sidecar does not run. Throws what the sidecar says. */
  async all(): Promise<readonly RecipeInfo[]> {
    if (this.sidecar.state !== "running") {
      return [];
    }
    const asked = (this.known ??= this.load());
    try {
      return await asked;
    } catch (error) {
      if (this.known === asked) {
        this.known = undefined;
      }
      throw error;
    }
  }

  /** The same, asked for anew, once the sidecar runs. */
  async load(): Promise<readonly RecipeInfo[]> {
    return (await this.sidecar.request(RECIPES, {})).recipes;
  }

  changed(): void {
    this.known = undefined;
    this.changes.fire(undefined);
  }

  dispose(): void {
    this.subscriptions.forEach((subscription) => void subscription.dispose());
  }
}
