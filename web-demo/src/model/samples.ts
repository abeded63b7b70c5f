/** Predictions that keep every sample, so that a chart can show how the samples differ. */
import type { Picture, Pool } from "bayes8";

/** The estimate for one picture from the samples so far. */
export interface Estimate {
  readonly classNames: readonly string[];
  /** Probabilities of each sample, `[samples][classes]`. */
  readonly samples: readonly Float64Array[];
  /** Mean of the samples. */
  readonly probabilities: Float64Array;
  /** Total uncertainty, in nats: entropy of the mean. */
  readonly predictiveEntropy: number;
  /** Aleatoric uncertainty, in nats: mean entropy of the samples. The picture is ambiguous. */
  readonly expectedEntropy: number;
  /** Epistemic uncertainty, in nats: the difference. The samples disagree. */
  readonly mutualInformation: number;
}

/** Samples of the first range. Later ranges take about `RANGE_MILLISECONDS`. */
const FIRST = 2;
const RANGE_MILLISECONDS = 40;
/** Scale of the integers in which probabilities and entropies are summed. */
const SCALE = 2 ** 30;

export interface EstimateOptions {
  readonly samples: number;
  readonly seed: bigint;
  /** Time after which no further samples begin; default: no limit. */
  readonly milliseconds?: number;
}

/**
 * Running estimates while samples arrive; leaving the loop ends the work. `Pool.stream` gives only sums over
 * samples, and `predict` the logits of each sample. So this predicts range by range of the samples. The sums of
 * the ranges add up to exactly those of one prediction.
 */
export async function* estimates(
  pool: Pool,
  picture: Picture,
  { samples, seed, milliseconds = Infinity }: EstimateOptions,
): AsyncGenerator<Estimate, void, void> {
  const { classes, classNames } = pool.info;
  const drawn: Float64Array[] = [];
  let sums: BigInt64Array | undefined;
  let count = Math.min(FIRST, samples);
  const end = performance.now() + milliseconds;
  while (drawn.length < samples) {
    const start = performance.now();
    const part = await pool.predict(picture, { samples: count, firstSample: drawn.length, seed, logits: true });
    for (let sample = 0; sample < count; sample++) {
      drawn.push(softmax(part.logits!.subarray(sample * classes, (sample + 1) * classes)));
    }
    sums = sums ? sums.map((value, index) => value + part.sums[index]!) : part.sums;
    yield summarize(sums, drawn.slice(), classNames);
    const now = performance.now();
    if (now >= end) return;
    const fitting = Math.floor((count * Math.min(RANGE_MILLISECONDS, end - now)) / (now - start));
    count = Math.min(Math.max(1, Math.min(fitting, 2 * count)), samples - drawn.length);
  }
}

function summarize(sums: BigInt64Array, samples: Float64Array[], classNames: readonly string[]): Estimate {
  const mean = (sum: bigint) => Number(sum) / SCALE / samples.length;
  // After the samples, the entropy and its square.
  const probabilities = Float64Array.from(sums.subarray(3, 3 + classNames.length), mean);
  const predictiveEntropy = probabilities.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0);
  const expectedEntropy = Math.min(predictiveEntropy, mean(sums[1]!));
  const mutualInformation = predictiveEntropy - expectedEntropy;
  return { classNames, samples, probabilities, predictiveEntropy, expectedEntropy, mutualInformation };
}

export function softmax(logits: Float32Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/** Indices of the classes, the most probable first. */
export function ranking(probabilities: Float64Array): number[] {
  return Array.from(probabilities.keys()).sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
}

/** The most probable class. */
export function best(probabilities: Float64Array): number {
  return probabilities.indexOf(probabilities.reduce((a, b) => Math.max(a, b)));
}
