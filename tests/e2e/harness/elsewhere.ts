// The same recipe from everywhere but the editor: tests/integration/recipes/elsewhere.py.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { root } from '../bootstrap/places.mjs';

const run = promisify(execFile);

export interface Came {
  readonly where: string;
  readonly output: string;
  readonly outcome: string;
}

/** Runs it from one place after the other, in `workspace`, and says how each answer came about. */
export async function elsewhere(workspace: string, recipe: string, text: string): Promise<Came[]> {
  const python = join(root, '.venv', 'bin', 'python');
  const { stdout } = await run(python, ['-m', 'tests.integration.recipes.elsewhere', workspace, recipe, text], { cwd: root });
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Came);
}
