import type { Problem } from "../../problem";
import type { RunResult } from "../../protocol";

/** What a recipe answers, as far as it has come. `excerpt` is the beginning of the text it is run on. */
export interface Answer {
  recipe: string;
  excerpt: string;
  /** There is a selection to replace. */
  selected: boolean;
  /** There is a document to write into. */
  placed: boolean;
  text: string;
  state: "writing" | "whole" | "cancelled" | "failed";
  result: RunResult | null;
  problem: Problem | null;
}

/** An answer nothing of which is there yet. */
export function begun(recipe: string, excerpt: string, selected: boolean, placed: boolean): Answer {
  return { recipe, excerpt, selected, placed, text: "", state: "writing", result: null, problem: null };
}

/** The answer with one more piece; models often begin with an empty line. */
export function written(answer: Answer, piece: string): Answer {
  return { ...answer, text: answer.text === "" ? piece.trimStart() : answer.text + piece };
}

/** The whole answer: what came out in the end, whatever was heard of it. */
export function ended(answer: Answer, result: RunResult): Answer {
  const { output } = result;
  const text = typeof output === "string" ? output : JSON.stringify(output, null, 2);
  return { ...answer, text, result, state: "whole" };
}

export function stopped(answer: Answer): Answer {
  return { ...answer, state: "cancelled" };
}

export function failed(answer: Answer, problem: Problem): Answer {
  return { ...answer, problem, state: "failed" };
}
