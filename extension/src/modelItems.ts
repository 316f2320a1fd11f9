import type { QuickPickItem } from "vscode";
import { size } from "./format";
import type { ModelOffer, ModelsResult } from "./protocol";

/** A row of *Choose Model…*. `use` is what is asked of the sidecar; null: the embedded model is to be fetched. */
export interface ModelItem extends QuickPickItem {
  use: string | null;
}

/** "Automatic" and the models of both engines; the one in use is marked, and why Ollama has none is said. */
export function modelItems({ models, chosen, problem }: ModelsResult): ModelItem[] {
  const automatic: ModelItem = {
    label: "$(wand) Automatic",
    description: described("Ollama’s loaded model, else the one used last; the embedded one without Ollama", chosen === "auto" && "chosen"),
    use: "auto",
    ...(problem === null ? {} : { detail: problem }),
  };
  return [automatic, ...models.map(item)];
}

function item({ engine, name, bytes, loaded, installed, inUse }: ModelOffer): ModelItem {
  const embedded = engine === "embedded";
  return {
    label: `$(${inUse ? "check" : "blank"}) ${name}`,
    description: described(
      embedded ? "embedded" : "Ollama",
      size(bytes),
      loaded && "loaded",
      !installed && "not fetched yet",
      inUse && "in use",
    ),
    use: !embedded ? name : installed ? "embedded" : null,
  };
}

function described(...parts: (string | false)[]): string {
  return parts.filter((part) => part !== false).join(" · ");
}
