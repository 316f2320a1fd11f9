// What axe-core finds on a page that keeps somebody out: contrast, names, order, roles.
import axe from 'axe-core';
import type { Frame, Page } from 'playwright-core';

/** Every finding, whatever its weight, with the element it is about. */
export async function barriers(page: Page | Frame): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run(document);
    return violations.flatMap(({ id, impact, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} (${impact}) ${target}: ${failureSummary}`),
    );
  });
}
