import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Walkthrough } from '../workbench/walkthrough.ts';
import type { Window } from '../workbench/window.ts';
import { RecipePanel } from './recipe-panel.ts';

const NAME = 'my-first';
const FILE = `${NAME}.recipe.md`;

/**
 * The last step of the walkthrough as a stranger takes it: makes a recipe by its button and runs it, as it comes, on
 * the open text `on`. Returns its answer, which is shown; what the new file says is in `workspace`.
 */
export async function makeAndRunRecipe(
  window: Window,
  walkthrough: Walkthrough,
  { on, workspace }: { on: string; workspace: string },
): Promise<{ recipe: string; answer: string }> {
  await walkthrough.press('Make a recipe of your own', 'New Recipe');
  await window.quickPick.type(NAME);
  await window.editor.tab(FILE);
  const recipe = await readFile(join(workspace, '.refrain', 'recipes', FILE), 'utf8');
  await window.editor.show(on);
  await window.quickPick.runAndChoose('Refrain: Run Recipe…', new RegExp(`${NAME}$`));
  const answer = await new RecipePanel(window).answer(/^MISS/);
  return { recipe, answer };
}
