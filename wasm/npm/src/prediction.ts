import type { Glue } from "./glue.js";

/** A class and how probable it is. */
export interface ClassProbability {
  readonly index: number;
  readonly label: string;
  /** Mean over the samples. */
  readonly probability: number;
  /** Standard deviation over the samples. */
  readonly std: number;
}

/** What the samples say about one picture. */
export class Prediction {
  /** Monte-Carlo samples behind the figures. */
  declare readonly samples: number;
  /** Mean probability of each class. */
  declare readonly probabilities: Float64Array;
  /** Standard deviation of each class's probability over the samples. */
  declare readonly std: Float64Array;
  /** Total uncertainty: entropy of the mean probabilities, in nats. */
  declare readonly entropy: number;
  /** Aleatoric uncertainty, in nats: mean of the samples' entropies. The picture is ambiguous. */
  declare readonly expectedEntropy: number;
  /** Epistemic uncertainty, in nats: `entropy` less `expectedEntropy`. The samples disagree. */
  declare readonly mutualInformation: number;
  /**
   * What the figures come from: `[samples, entropy, probabilities..., squares...]`, integers scaled by
   * 2^30 but for the first. Those of two sample ranges, added, are exactly those of both.
   */
  readonly sums: BigInt64Array;
  /** `[samples][classes]`, if asked for. */
  readonly logits?: Float32Array;
  /** SHA-256 of the logits as little-endian f32, if asked for; `bayes8 predict --json` prints the same. */
  readonly logitsDigest?: string;

  readonly #classNames: readonly string[];

  /** @internal */
  constructor(sums: BigInt64Array, glue: Glue, classNames: readonly string[]) {
    Object.assign(this, glue.uncertainty(sums));
    this.sums = sums;
    this.#classNames = classNames;
  }

  /** @internal */
  static withLogits(prediction: Prediction, logits: Float32Array, glue: Glue): Prediction {
    return Object.assign(prediction, { logits, logitsDigest: glue.logitsDigest(logits) });
  }

  /** The `count` most probable classes, best first; equal ones by index. */
  top(count = 1): ClassProbability[] {
    return Array.from(this.probabilities, (probability, index) => ({
      index,
      label: this.#classNames[index]!,
      probability,
      std: this.std[index]!,
    }))
      .sort((a, b) => b.probability - a.probability || a.index - b.index)
      .slice(0, count);
  }
}
