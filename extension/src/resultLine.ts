import { duration, outcomeName } from "./format";
import type { EnrichResult, OutcomeName, StageReport } from "./protocol";

/** From most to least that was done anew: the line names the costliest outcome of the stages. */
const BY_COST: readonly OutcomeName[] = ["refused", "bypass", "miss", "coalesced", "hit"];

/** An enrichment in one line: `happy › grateful › thankful · HIT (memory) · 0.40 ms`; says if the engine is away. */
export function resultLine(result: EnrichResult): string {
  const { primary, secondary, tertiary } = result.wheel;
  const feeling = [primary, secondary, tertiary].join(" › ");
  const stage = decisive(result.stages);
  const outcome = stage === undefined ? [] : [outcomeName(stage.outcome, stage.tier)];
  const away = result.engine.offline ? ["engine offline"] : [];
  return [feeling, ...outcome, ...away, duration(result.totalMs)].join(" · ");
}

function decisive(stages: readonly StageReport[]): StageReport | undefined {
  return [...stages].sort((one, other) => BY_COST.indexOf(one.outcome) - BY_COST.indexOf(other.outcome))[0];
}
