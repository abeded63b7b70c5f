/** Answering only the pictures with the least doubt. */

export interface Outcome {
  readonly right: boolean;
  /** Total doubt, 0 to 1. */
  readonly total: number;
}

/** Indices of the outcomes, the surest first. */
export function bySureness(outcomes: readonly Outcome[]): number[] {
  return outcomes.map((_, index) => index).sort((a, b) => outcomes[a]!.total - outcomes[b]!.total || a - b);
}

/** Errors among the `count` surest of `order`. */
export function errorsAmong(outcomes: readonly Outcome[], order: readonly number[], count: number): number {
  return order.slice(0, count).filter((index) => !outcomes[index]!.right).length;
}

/** The error rate among the answered pictures, for each share of pictures that are answered. */
export function riskCoverage(outcomes: readonly Outcome[]): { readonly x: number; readonly y: number }[] {
  const order = bySureness(outcomes);
  let errors = 0;
  return order.map((index, rank) => {
    errors += Number(!outcomes[index]!.right);
    return { x: (rank + 1) / order.length, y: errors / (rank + 1) };
  });
}
