// The test ids of the webviews, from the file that the extension itself is built from.
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';

import { root } from '../bootstrap/places.mjs';

// Node takes a .ts file for CommonJS where the nearest package.json says so, as the extension's
// does; hence by its text rather than by its path.
const source = await readFile(join(root, 'extension', 'src', 'webviews', 'testids.ts'), 'utf8');
const script = `data:text/javascript,${encodeURIComponent(stripTypeScriptTypes(source))}`;

export const { STATS_IDS, ENRICHMENT_IDS, RECIPE_IDS, REPORT_IDS } = (await import(
  script
)) as typeof import('../../../extension/src/webviews/testids.ts');
