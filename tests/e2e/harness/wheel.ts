import type { Installation } from './place.ts';

// Read where the enrichment reads it.
const WHEEL = `
import json, importlib.resources as r
print(r.files("refrain_sidecar.enrichment").joinpath("wheel.json").read_text())
`;

/** Whether the three words are a path of the wheel's data file in the VSIX. */
export async function onTheWheel(installation: Installation, path: readonly [string, string, string]): Promise<boolean> {
  const { primaries } = (await installation.bundled(WHEEL)) as { primaries: Record<string, Record<string, string[]>> };
  const [primary, secondary, tertiary] = path;
  return primaries[primary]?.[secondary]?.includes(tertiary) ?? false;
}
