import { Bayes8Error } from "./error.js";
import type { Glue, ModelInfo } from "./glue.js";
import { shown } from "./kinds.js";

/** One class of a prediction. */
export interface ClassProbability {
  /** Index of the class. */
  readonly class: number;
  /** Name of the class. */
  readonly name: string;
  /** Mean probability over the samples. */
  readonly probability: number;
  /** Standard deviation of the probability over the samples. */
  readonly std: number;
}

/** A prediction with the keys of `bayes8 predict --json`, except the name of the picture and the rule when to abstain. */
export interface PredictionJson {
  readonly model_digest: string;
  /** The three most probable classes, best first. */
  readonly top: readonly ClassProbability[];
  readonly predictive_entropy: number;
  readonly expected_entropy: number;
  readonly mutual_information: number;
  /** Null unless logits were asked for. */
  readonly logits_digest: string | null;
  readonly samples: number;
  readonly first_sample: number;
  /** A string if the seed is not a safe integer. */
  readonly seed: number | string;
}

/** The prediction for one picture. */
export class Prediction {
  // Minifying renames the class itself.
  static readonly name = "Prediction";

  /** Number of Monte-Carlo samples. */
  declare readonly samples: number;
  /** Mean probability of each class. */
  declare readonly probabilities: Float64Array;
  /** Standard deviation of each class's probability over the samples. */
  declare readonly std: Float64Array;
  /** Total uncertainty: entropy of the mean probabilities, in nats. */
  declare readonly predictiveEntropy: number;
  /** Aleatoric uncertainty: mean entropy of the samples, in nats. High if the picture is ambiguous. */
  declare readonly expectedEntropy: number;
  /** Epistemic uncertainty: `predictiveEntropy` minus `expectedEntropy`, in nats. High if the samples disagree. */
  declare readonly mutualInformation: number;
  /**
   * The sums that the figures are computed from: `[samples, entropy, probabilities..., squares...]`, integers
   * scaled by 2^30 except the first. The sums of two sample ranges add up to exactly the sums of both together.
   */
  readonly sums: BigInt64Array;
  /** `[samples][classes]`, if asked for. */
  readonly logits?: Float32Array;
  /** SHA-256 of the logits as little-endian f32, if asked for. `bayes8 predict --json` prints the same. */
  readonly logitsDigest?: string;

  /** The seed of the samples. */
  readonly seed: bigint;
  /** Index of the first sample. */
  readonly firstSample: number;
  /** Digest of the model: `Model.digest`. */
  readonly modelDigest: string;

  readonly #classNames: readonly string[];

  /** @internal */
  constructor(sums: BigInt64Array, glue: Glue, { classNames, digest }: ModelInfo, seed: bigint, firstSample: number) {
    Object.assign(this, glue.uncertainty(sums));
    this.sums = sums;
    this.seed = seed;
    this.firstSample = firstSample;
    this.modelDigest = digest;
    this.#classNames = classNames;
  }

  /** @internal */
  static withLogits(prediction: Prediction, logits: Float32Array, glue: Glue): Prediction {
    return Object.assign(prediction, { logits, logitsDigest: glue.logitsDigest(logits) });
  }

  /** The `count` most probable classes, best first; ties go to the lower index. */
  top(count = 1): ClassProbability[] {
    if (!(Number.isInteger(count) && count >= 0)) {
      throw new Bayes8Error("invalid-option", `count: an integer from 0, not ${shown(count)}`);
    }
    return Array.from(this.probabilities, (probability, index) => ({
      class: index,
      name: this.#classNames[index]!,
      probability,
      std: this.std[index]!,
    }))
      .sort((a, b) => b.probability - a.probability || a.class - b.class)
      .slice(0, count);
  }

  /** The object that `JSON.stringify` writes. */
  toJSON(): PredictionJson {
    return {
      model_digest: this.modelDigest,
      top: this.top(3),
      predictive_entropy: this.predictiveEntropy,
      expected_entropy: this.expectedEntropy,
      mutual_information: this.mutualInformation,
      logits_digest: this.logitsDigest ?? null,
      samples: this.samples,
      first_sample: this.firstSample,
      seed: this.seed <= Number.MAX_SAFE_INTEGER ? Number(this.seed) : String(this.seed),
    };
  }
}
