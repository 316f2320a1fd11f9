import { type QuickPickItem, window } from "vscode";
import type { CommandFactory, Context } from "../context";
import type { Node } from "../entriesTree";
import { counted, kindName, size } from "../format";
import { PURGE, type PurgeParams, STATS } from "../protocol";

/** What is to go: the request's conditions, and the same in words that follow a number of entries. */
interface Choice {
  params: PurgeParams;
  words: string;
}

interface ChoiceItem extends QuickPickItem {
  choose: (context: Context) => Promise<Choice | undefined>;
}

const CHOICES: readonly ChoiceItem[] = [
  {
    label: "$(clock) Expired",
    description: "Entries past their time to live",
    choose: async () => ({ params: { expired: true }, words: "that expired" }),
  },
  { label: "$(symbol-enum) By kind…", description: "Stage 1, Stage 2, …", choose: chooseKind },
  { label: "$(history) Older than…", description: "By when an entry was made", choose: chooseAge },
  {
    label: "$(trash) Everything",
    description: "Every entry of the cache",
    choose: async () => ({ params: { everything: true }, words: "in all" }),
  },
];

const AGES = [
  { label: "1 hour", seconds: 3600 },
  { label: "1 day", seconds: 86_400 },
  { label: "7 days", seconds: 604_800 },
  { label: "30 days", seconds: 2_592_000 },
];

/** Asks what is to go, counts it, asks whether that many may go, and purges. */
export const purge: CommandFactory = (context) => async () => {
  const item = await window.showQuickPick(CHOICES, { title: "Purge Cache", placeHolder: "Which entries are to go?" });
  const choice = await item?.choose(context);
  if (choice !== undefined) {
    await confirmAndPurge(context, choice);
  }
};

/** The same for a kind or an entry of the tree. */
export const purgeNode: CommandFactory = (context) => async (node: Node) => {
  if (node.type === "entry") {
    const { key, label } = node.entry;
    await confirmAndPurge(context, { params: { keyPrefix: key }, words: label === "" ? `(${key.slice(0, 12)})` : `(${label})` });
  } else if (node.type === "kind") {
    await confirmAndPurge(context, ofKind(node.kind.kind));
  }
};

async function chooseKind(context: Context): Promise<Choice | undefined> {
  const { kinds } = await context.sidecar.request(STATS, { window: "all" });
  const items = kinds.map((kind) => ({
    label: kindName(kind.kind),
    description: `${counted(kind.entries, "entry", "entries")}, ${size(kind.bytes)}`,
    id: kind.kind,
  }));
  if (items.length === 0) {
    void window.showInformationMessage("The cache holds no entries.");
    return undefined;
  }
  const chosen = await window.showQuickPick(items, { title: "Purge Cache", placeHolder: "Which kind?" });
  return chosen && ofKind(chosen.id);
}

function ofKind(kind: string): Choice {
  return { params: { kind }, words: `of kind ${kindName(kind)}` };
}

async function chooseAge(): Promise<Choice | undefined> {
  const chosen = await window.showQuickPick(AGES, { title: "Purge Cache", placeHolder: "Made longer ago than…" });
  return chosen && { params: { olderThanS: chosen.seconds }, words: `older than ${chosen.label}` };
}

async function confirmAndPurge({ sidecar, entries }: Context, { params, words }: Choice): Promise<void> {
  const { entries: found, bytes } = await sidecar.request(PURGE, { ...params, dryRun: true });
  if (found === 0) {
    void window.showInformationMessage(`Nothing to purge: there are no entries ${words}.`);
    return;
  }
  const question = `Purge ${counted(found, "entry", "entries")} ${words}?`;
  const detail = `${size(bytes)} are freed. What goes has to be computed again when it is asked for. This cannot be undone.`;
  if ((await window.showWarningMessage(question, { modal: true, detail }, "Purge")) !== "Purge") {
    return;
  }
  const gone = await sidecar.request(PURGE, { ...params, dryRun: false });
  entries.refresh();
  void window.showInformationMessage(`Purged ${counted(gone.entries, "entry", "entries")}, ${size(gone.bytes)} freed.`);
}
