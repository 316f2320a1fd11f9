import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Installation } from './place.ts';

type Data = { wheel: Record<string, Record<string, { tertiaries: string[] }>> };

/** Whether the three words are a path of the wheel's data file in the VSIX, from the middle outwards. */
export async function onTheWheel(
  { extension }: Installation,
  [primary, secondary, tertiary]: readonly [string, string, string],
): Promise<boolean> {
  const file = join(extension, 'bundled', 'libs', 'refrain_sidecar', 'enrichment', 'wheel.json');
  const { wheel } = JSON.parse(await readFile(file, 'utf8')) as Data;
  return wheel[primary]?.[secondary]?.tertiaries.includes(tertiary) ?? false;
}
