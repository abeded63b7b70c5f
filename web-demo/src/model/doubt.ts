/** The size of a doubt, as a share of the largest possible one, and words for that size. */
import type { Estimate } from "./samples.js";

export interface Doubt {
  readonly total: number;
  /** Aleatoric: each sample by itself sees more than one answer. */
  readonly ambiguity: number;
  /** Epistemic: the samples contradict each other. */
  readonly unfamiliarity: number;
}

/** Above this share of the largest possible doubt, no answer is given, as in `bayes8 predict`. */
export const ABSTAIN = 0.5;
/** Shares below which a doubt is little or moderate. A verdict of "sure" stays below the second one. */
const LITTLE = 0.04;
const SOME = 0.15;

type Entropies = Pick<Estimate, "probabilities" | "predictiveEntropy" | "expectedEntropy" | "mutualInformation">;

/** The doubt of an estimate or a prediction. A total of 1 means that all classes are equally likely. */
export function doubtOf({ probabilities, predictiveEntropy, expectedEntropy, mutualInformation }: Entropies): Doubt {
  const largest = Math.log(probabilities.length);
  return {
    total: predictiveEntropy / largest,
    ambiguity: expectedEntropy / largest,
    unfamiliarity: mutualInformation / largest,
  };
}

/** Words for a doubt. They depend on its size only. */
export function glosses({ total, ambiguity, unfamiliarity }: Doubt): Readonly<Record<keyof Doubt, string>> {
  return {
    total: total > ABSTAIN ? "too much to answer" : graded(total, "hardly any", "a little", "a fair amount"),
    ambiguity: graded(ambiguity, "one answer fits", "a second answer fits", "several answers fit"),
    unfamiliarity: graded(unfamiliarity, "similar odds", "different odds", "conflicting odds"),
  };
}

function graded(share: number, little: string, some: string, much: string): string {
  if (share < LITTLE) return little;
  return share < SOME ? some : much;
}
