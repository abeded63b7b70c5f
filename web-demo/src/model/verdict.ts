/** An estimate in plain words. */
import { ABSTAIN, doubtOf } from "./doubt.js";
import { best, type Estimate, ranking } from "./samples.js";

export interface Verdict {
  /** What the network answers, and how sure it is. */
  readonly answer: string;
  /** The reason for the answer, or for the doubt. */
  readonly reason: string;
  readonly sure: "sure" | "fairly" | "unsure" | "abstain";
}

const SURE = 0.95;
const FAIRLY = 0.7;
/** Most classes with votes that are named. */
const NAMED = 3;

/** The verdict on an estimate. `noun` turns the name of a class into "a 4" or "a shirt". */
export function verdict(estimate: Estimate, noun: (name: string) => string): Verdict {
  const { classNames, probabilities, samples } = estimate;
  const ranked = ranking(probabilities);
  const named = (rank: number) => noun(classNames[ranked[rank]!]!);
  const share = probabilities[ranked[0]!]!;
  const reason = doubt(estimate, ranked);
  if (doubtOf(estimate).total > ABSTAIN) return { sure: "abstain", answer: "I would rather not answer.", reason };
  if (share >= SURE) {
    const agreed = samples.every((sample) => best(sample) === ranked[0]);
    return { sure: "sure", answer: `I am sure this is ${named(0)}.`, reason: agreed ? `All ${samples.length} samples agree.` : reason };
  }
  if (share >= FAIRLY) return { sure: "fairly", answer: `I am fairly sure this is ${named(0)}.`, reason };
  return { sure: "unsure", answer: `This may be ${named(0)} or ${named(1)}.`, reason };
}

/** The votes of the samples for the classes; if all vote for one, the runner-up. */
function doubt({ classNames, samples }: Estimate, ranked: readonly number[]): string {
  const counts = ranked.map((index) => samples.filter((sample) => best(sample) === index).length);
  const voted = ranked.flatMap((index, rank) => (counts[rank] ? [{ name: classNames[index]!, count: counts[rank]! }] : []));
  const [first, ...others] = voted.sort((a, b) => b.count - a.count);
  if (others.length === 0) {
    return `All ${samples.length} samples say ${first!.name}. The runner-up is ${classNames[ranked[1]!]}.`;
  }
  const rest = others.slice(0, NAMED - 1).map(({ name, count }) => `${count} ${count === 1 ? "says" : "say"} ${name}`);
  return `${first!.count} of ${samples.length} samples say ${first!.name}, ${rest.join(", ")}.`;
}

/** The verdict of a network without uncertainty: always its best class. */
export function bluntVerdict(estimate: Estimate, noun: (name: string) => string): string {
  return `It is ${noun(estimate.classNames[best(estimate.probabilities)]!)}.`;
}
