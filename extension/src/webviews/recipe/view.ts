import { env, type ExtensionContext, type LogOutputChannel, window } from "vscode";
import { run } from "../../commands/run";
import type { Passage } from "../../passage";
import { apply } from "../../problem";
import { excerpt } from "../enrichment/excerpt";
import { SinglePanel } from "../panel";
import type { Answer } from "./answer";
import type { FromRecipe, ToRecipe } from "./protocol";

/** What the panel's buttons do to a run: `again` asks the model anew, `cancel` ends what is under way. */
export interface Handles {
  passage: Passage | undefined;
  again: () => void;
  cancel: () => void;
}

/** What a recipe answers, as it is written, beside the text it is run on. */
export class RecipeView extends SinglePanel<ToRecipe, FromRecipe> {
  private handles: Handles | undefined;
  private answer: Answer | undefined;

  constructor(
    extension: ExtensionContext,
    private readonly log: LogOutputChannel,
  ) {
    super(extension, { name: "recipe", title: "Refrain: Recipe", beside: true });
  }

  /**
   * A run begins and takes the place of the one before it, which is cancelled: nobody would see how it ends. So is this
   * one when the panel is closed. What is returned shows how far it has come.
   */
  begin(handles: Handles): (answer: Answer) => void {
    this.handles?.cancel();
    this.handles = handles;
    this.open();
    return (answer) => {
      if (this.handles === handles) {
        this.answer = answer;
        this.post({ type: "answer", answer: { ...answer, excerpt: excerpt(answer.excerpt) } });
      }
    };
  }

  protected override closed(): void {
    this.handles?.cancel();
    this.handles = undefined;
  }

  protected receive(message: FromRecipe): void {
    const { handles, answer } = this;
    if (handles === undefined || answer === undefined) {
      return;
    }
    switch (message.type) {
      case "again":
        handles.again();
        break;
      case "cancel":
        handles.cancel();
        break;
      case "copy":
        void env.clipboard.writeText(answer.text);
        window.setStatusBarMessage("Refrain: copied", 3000);
        break;
      case "replace":
        void run(this.log, () => handles.passage?.replace(answer.text));
        break;
      case "insert":
        void run(this.log, () => handles.passage?.insertBelow(answer.text));
        break;
      case "remedy":
        void apply(answer.problem?.remedies[message.at]);
        break;
    }
  }
}
