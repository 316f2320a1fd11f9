import {
  type Disposable,
  EventEmitter,
  type LogOutputChannel,
  MarkdownString,
  ThemeIcon,
  type TreeDataProvider,
  TreeItem,
  TreeItemCollapsibleState,
  type TreeView,
  window,
} from "vscode";
import { ago, count, counted, duration, kindName, proxied, size } from "./format";
import { ENTRIES, type Entry, type KindStats, STATS } from "./protocol";
import type { Sidecar } from "./sidecar";
import { escaped } from "./statusText";

const PAGE = 100;

/** A kind of entries, an entry, or the line that shows more of a kind. */
export type Node =
  | { type: "kind"; kind: KindStats }
  | { type: "entry"; entry: Entry }
  | { type: "more"; kind: string; rest: number };

const ICONS: Record<string, string> = {
  stage1_enrichment: "heart",
  stage2_enrichment: "edit",
  recipe: "notebook-template",
  vision_inference: "eye",
  api: "globe",
};

/** The stored entries, grouped by kind, most recently used first. It follows changes only while it is visible. */
export class EntriesTree implements TreeDataProvider<Node>, Disposable {
  private readonly changed = new EventEmitter<undefined>();
  private readonly view: TreeView<Node>;
  private readonly subscriptions: Disposable[];
  private readonly limits = new Map<string, number>();

  readonly onDidChangeTreeData = this.changed.event;

  constructor(
    private readonly sidecar: Sidecar,
    private readonly log: LogOutputChannel,
  ) {
    this.view = window.createTreeView<Node>("refrain.entries", { treeDataProvider: this });
    this.subscriptions = [
      this.view,
      this.changed,
      sidecar.onDidChangeStats(() => this.view.visible && this.refresh()),
      sidecar.onDidChangeState((state) => state !== "starting" && this.refresh()),
      this.view.onDidChangeVisibility(({ visible }) => visible && this.refresh()),
    ];
  }

  refresh(): void {
    this.changed.fire(undefined);
  }

  /** Lengthens the list of `kind` by a page. */
  more(kind: string): void {
    this.limits.set(kind, this.limit(kind) + PAGE);
    this.refresh();
  }

  async getChildren(node?: Node): Promise<Node[]> {
    try {
      return node === undefined ? await this.kinds() : node.type === "kind" ? await this.entries(node.kind.kind) : [];
    } catch (error) {
      this.log.warn(`The tree of entries stays as it was: ${String(error)}`);
      return [];
    }
  }

  getTreeItem(node: Node): TreeItem {
    switch (node.type) {
      case "kind":
        return kindItem(node.kind);
      case "entry":
        return entryItem(node.entry);
      case "more":
        return moreItem(node.kind, node.rest);
    }
  }

  dispose(): void {
    this.subscriptions.forEach((subscription) => void subscription.dispose());
  }

  private async kinds(): Promise<Node[]> {
    if (this.sidecar.state === "stopped") {
      return [];
    }
    const { kinds } = await this.sidecar.request(STATS, { window: "all" });
    return kinds.filter((kind) => kind.entries > 0).map((kind) => ({ type: "kind", kind }));
  }

  private async entries(kind: string): Promise<Node[]> {
    const { total, entries } = await this.sidecar.request(ENTRIES, { kind, limit: this.limit(kind) });
    const shown = entries.map((entry): Node => ({ type: "entry", entry }));
    const rest = total - entries.length;
    return rest > 0 ? [...shown, { type: "more", kind, rest }] : shown;
  }

  private limit(kind: string): number {
    return this.limits.get(kind) ?? PAGE;
  }
}

function kindItem(kind: KindStats): TreeItem {
  const item = new TreeItem(kindName(kind.kind), TreeItemCollapsibleState.Expanded);
  item.id = `kind:${kind.kind}`;
  item.description = `${counted(kind.entries, "entry", "entries")}, ${size(kind.bytes)}`;
  item.iconPath = new ThemeIcon(ICONS[kind.kind] ?? (proxied(kind.kind) ? "radio-tower" : "database"));
  item.contextValue = "kind";
  item.tooltip = kind.kind;
  item.accessibilityInformation = { label: `${kindName(kind.kind)}, ${item.description}` };
  return item;
}

function entryItem(entry: Entry): TreeItem {
  const now = Date.now() / 1000;
  const item = new TreeItem(entry.label === "" ? entry.key.slice(0, 12) : entry.label);
  item.id = `entry:${entry.key}`;
  item.description = `${entry.uses === 0 ? "unused" : `${count(entry.uses)}×`}, ${ago(entry.lastUsedAt, now)}`;
  item.accessibilityInformation = {
    label: `${String(item.label)}, ${counted(entry.uses, "use", "uses")}, ${ago(entry.lastUsedAt, now)}, saved ${duration(entry.savedMs)}`,
  };
  item.contextValue = "entry";
  const rows: [string, string][] = [
    ["Model", escaped(entry.model)],
    ["Size", size(entry.bytes)],
    ["Made", ago(entry.createdAt, now)],
    ["Expires", entry.expiresAt === null ? "never" : new Date(entry.expiresAt * 1000).toLocaleString()],
    ["Uses", count(entry.uses)],
    ["Cost", duration(entry.costMs)],
    ["Saved", duration(entry.savedMs)],
    ["Key", `\`${entry.key.slice(0, 16)}…\``],
  ];
  item.tooltip = new MarkdownString(
    ["| | |", "| :-- | :-- |", ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join("\n"),
  );
  return item;
}

function moreItem(kind: string, rest: number): TreeItem {
  const item = new TreeItem(`Show more (${count(rest)})`);
  item.command = { command: "refrain.entries.more", title: "Show More Entries", arguments: [kind] };
  item.iconPath = new ThemeIcon("ellipsis");
  return item;
}
