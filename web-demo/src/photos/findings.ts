/** Sentences about the curves, which depend on their numbers. */
import { percent } from "../lib/format.js";
import { bySureness, errorsAmong, type Outcome } from "./coverage.js";
import type { Point } from "./study.js";

/** Smaller changes do not count, on a scale of 0 to 1. */
const LEAST = 0.005;
/** A fall from the peak counts from this share of it. */
const AGAIN = 0.1;
/** The share of pictures that the sentence about sure answers is about. */
const SUREST = 0.3;

/** How accuracy and doubt change while a damage, such as "noise", grows. */
export function curveFinding(points: readonly Point[], damage: string): string {
  const accuracy = points.map(({ accuracy }) => accuracy);
  const unfamiliarity = points.map(({ unfamiliarity }) => unfamiliarity);
  const total = points.map(({ ambiguity, unfamiliarity }) => ambiguity + unfamiliarity);
  const sentences = [
    `More ${damage}: accuracy ${course(accuracy)}.`,
    `Total doubt ${course(total)}.`,
    `Unfamiliarity ${course(unfamiliarity)}.`,
  ];
  if (falls(accuracy) && fallsAgain(unfamiliarity)) {
    sentences.push("Where it falls, the samples agree more although the answers get worse: agreement is not proof.");
  }
  return sentences.join(" ");
}

/** Whether the answers with much doubt are the wrong ones. */
export function riskFinding(outcomes: readonly Outcome[]): string {
  const count = Math.round(SUREST * outcomes.length);
  const order = bySureness(outcomes);
  const [surest, all] = [errorsAmong(outcomes, order, count) / count, errorsAmong(outcomes, order, order.length) / order.length];
  const verdict = surest < all / 2 ? "Doubt finds most of the errors." : "Doubt misses many of the errors.";
  return `Of all answers, ${percent(all)} are wrong. Of the ${percent(SUREST)} it doubts least, ${surest > 0 ? percent(surest) : "none"} are. ${all > 0 ? verdict : ""}`.trim();
}

const falls = (values: readonly number[]): boolean => values.at(-1)! < values[0]! - LEAST;
const fallsAgain = (values: readonly number[]): boolean => {
  const peak = Math.max(...values);
  return values.at(-1)! < peak - Math.max(LEAST, AGAIN * peak);
};

/** "rises from 12% to 40%, then falls to 30%". */
function course(values: readonly number[]): string {
  const [first, last] = [values[0]!, values.at(-1)!];
  const peak = Math.max(...values);
  if (fallsAgain(values) && peak > first + LEAST) return `rises from ${percent(first)} to ${percent(peak)}, then falls to ${percent(last)}`;
  if (last > first + LEAST) return `rises from ${percent(first)} to ${percent(last)}`;
  if (last < first - LEAST) return `falls from ${percent(first)} to ${percent(last)}`;
  return `stays at ${percent(first)}`;
}
