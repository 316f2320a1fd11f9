import { env, type QuickPickItem, Uri, window } from "vscode";
import type { CommandFactory, Context } from "../context";
import { OPEN_CONFIG, SHOW_LOG, showProblem } from "../problem";
import type { ServeState } from "../protocol";
import { figures, page, upstream } from "../proxyWords";

interface Choice extends QuickPickItem {
  choose: () => unknown;
}

/** Starts the proxy; while it runs, offers what can be done with it. */
export const serve: CommandFactory = (context) => async () => {
  const state = await context.serving.act("state");
  await (state.running ? offer(context, state) : start(context));
};

async function start({ serving, statusBar }: Context): Promise<void> {
  const idle = statusBar.busy();
  const state = await serving.act("start").finally(idle);
  if (!state.running) {
    await showProblem({ message: state.error ?? "The proxy did not start.", remedies: [OPEN_CONFIG, SHOW_LOG] });
    return;
  }
  const copy = "Copy Address";
  const open = "Open Page";
  const message = `Serving ${upstream(state)} through the cache: give programs ${state.url} as Ollama's address.`;
  const chosen = await window.showInformationMessage(message, copy, open);
  if (chosen !== undefined) {
    await (chosen === copy ? copyAddress(state) : openPage(state));
  }
}

async function offer({ serving }: Context, state: ServeState): Promise<void> {
  const chosen = await window.showQuickPick(choices(state, () => serving.act("stop")), {
    title: `Serving ${upstream(state)}`,
    placeHolder: figures(state),
  });
  await chosen?.choose();
}

function choices(state: ServeState, stop: () => unknown): Choice[] {
  const elsewhere = state.shared ? "Only here: another process serves, and goes on" : "Programs that use it get no answer any more";
  return [
    { label: "$(copy) Copy Address", description: state.url ?? "", choose: () => copyAddress(state) },
    { label: "$(globe) Open Page", description: page(state), choose: () => openPage(state) },
    { label: "$(debug-stop) Stop", description: elsewhere, choose: stop },
  ];
}

function copyAddress({ url }: ServeState): Thenable<void> {
  return env.clipboard.writeText(url ?? "");
}

function openPage(state: ServeState): Thenable<boolean> {
  return env.openExternal(Uri.parse(page(state)));
}
