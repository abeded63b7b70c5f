import { Bayes8Error } from "./error.js";
import type { Glue } from "./glue.js";
import { shown } from "./kinds.js";
import type { Draws } from "./options.js";
import { addShortcuts, type ConformalInfo, conformalJson, type ConformalJson, finish, noClasses, type OutputJson, type OutputPrediction, type RawOutput, snakes, toJson } from "./output.js";
import type { ClassesErrors, EntropyErrorsJson } from "./standard-errors.js";

const ENTROPIES = ["predictiveEntropy", "expectedEntropy", "mutualInformation"];

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
  /** Standard error of the mean probability; absent for a single sample. */
  readonly standardError?: number;
}

/** What the JSON of every prediction has. */
interface CommonJson {
  readonly model_digest: string;
  /** Null unless logits were asked for. */
  readonly logits_digest: string | null;
  readonly samples: number;
  readonly first_sample: number;
  readonly draws: Draws;
  /** A string if the seed is not a safe integer. */
  readonly seed: number | string;
}

/**
 * A prediction of classes alone, with the keys of `bayes8 predict --json`, except the name of the picture and the
 * rule when to abstain.
 */
export interface PredictionJson extends CommonJson {
  /** The three most probable classes, best first. */
  readonly top: readonly (Omit<ClassProbability, "standardError"> & { readonly standard_error?: number })[];
  /** The prediction set, if the model was calibrated for sets. */
  readonly conformal?: ConformalJson;
  readonly predictive_entropy: number;
  readonly expected_entropy: number;
  readonly mutual_information: number;
  /** Absent for a single sample. */
  readonly standard_errors?: EntropyErrorsJson;
}

/** A prediction of a model with other heads than classes, or with several outputs. */
export interface OutputsJson extends CommonJson {
  /** The outputs by their names. */
  readonly outputs: Readonly<Record<string, OutputJson>>;
}

/**
 * The prediction for one picture. `probabilities` to `standardErrors` are those of the first output; if that has no
 * classes or is a map, to read them throws `invalid-option`, and `outputs` has the figures.
 */
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
  /** How far these are from those of infinitely many samples; absent for a single sample, which says nothing of that. */
  declare readonly standardErrors?: ClassesErrors;
  /** The predictions of all outputs, by their names. */
  readonly outputs: Readonly<Record<string, OutputPrediction>>;
  /**
   * The integers that the figures are computed from, of each output after the other. The sums of two sample ranges add
   * up to exactly the sums of both together. Those of classes are `[samples, entropy, entropySquares,
   * probabilities..., squares...]`, scaled by 2^30 except the first, and by 2^25 the third.
   */
  readonly sums: BigInt64Array;
  /** The network's numbers of all outputs, `[samples][numbers]`, such as the logits of classes, if asked for. */
  readonly logits?: Float32Array;
  /** SHA-256 of the logits as little-endian f32, if asked for. `bayes8 predict --json` prints the same. */
  readonly logitsDigest?: string;

  /** Whether the samples are the model's chosen draws or random ones. */
  readonly draws: Draws;
  /** The seed of the draws. */
  readonly seed: bigint;
  /** Index of the first sample; of chosen draws, its position in the model's list. */
  readonly firstSample: number;
  /** Digest of the model: `Model.digest`. */
  readonly modelDigest: string;

  readonly #raw: readonly RawOutput[];

  /** @internal */
  constructor(sums: BigInt64Array, glue: Glue, raw: readonly RawOutput[], digest: string, draws: Draws, seed: bigint, firstSample: number) {
    let end = 0;
    const outputs = raw.map((output) => finish(output, sums.subarray(end, (end += output.sumWords)), glue));
    this.samples = Number(sums[0]);
    addShortcuts(this, outputs[0]!);
    // Unlike an assignment, this can add any name.
    this.outputs = Object.fromEntries(outputs.map((output) => [output.name, output]));
    this.sums = sums;
    this.draws = draws;
    this.seed = seed;
    this.firstSample = firstSample;
    this.modelDigest = digest;
    this.#raw = raw;
  }

  /** @internal */
  static withLogits(prediction: Prediction, logits: Float32Array, glue: Glue): Prediction {
    return Object.assign(prediction, { logits, logitsDigest: glue.logitsDigest(logits) });
  }

  /** The `count` most probable classes of an output, by default the first, best first; ties go to the lower index. */
  top(count = 1, output: string = this.#raw[0]!.name): ClassProbability[] {
    if (!(Number.isInteger(count) && count >= 0)) {
      throw new Bayes8Error("invalid-option", `count: an integer from 0, not ${shown(count)}`);
    }
    const raw = this.#raw.find(({ name }) => name === output);
    if (!raw) {
      const names = this.#raw.map(({ name }) => name).join(", ");
      throw new Bayes8Error("invalid-option", `output: one of ${names}, not ${shown(output)}`);
    }
    const found = this.outputs[output]!;
    if (found.head !== "classes" || found.positions) return noClasses("top", raw);
    return Array.from(found.probabilities, (probability, index) => ({
      class: index,
      name: raw.names[index]!,
      probability,
      std: found.std[index]!,
      ...(found.standardErrors && { standardError: found.standardErrors.probabilities[index]! }),
    }))
      .sort((a, b) => b.probability - a.probability || a.class - b.class)
      .slice(0, count);
  }

  /** The object that `JSON.stringify` writes. */
  toJSON(): PredictionJson | OutputsJson {
    const common = {
      logits_digest: this.logitsDigest ?? null,
      samples: this.samples,
      first_sample: this.firstSample,
      draws: this.draws,
      seed: this.seed <= Number.MAX_SAFE_INTEGER ? Number(this.seed) : String(this.seed),
    };
    const isCalibrated = ({ samples, seed }: ConformalInfo) =>
      this.draws === "random" && this.firstSample === 0 && this.samples === samples && String(this.seed) === seed;
    const outputs = this.#raw.map((raw) => {
      const output = this.outputs[raw.name]!;
      return { ...output, conformal: conformalJson(raw, output, isCalibrated) };
    });
    if (outputs.length > 1 || outputs[0]!.head !== "classes" || outputs[0]!.positions) {
      const byName = Object.fromEntries(
        outputs.map((output) => [output.name, { ...toJson(output), ...output.conformal }]),
      );
      return { model_digest: this.modelDigest, outputs: byName, ...common };
    }
    return {
      model_digest: this.modelDigest,
      top: this.top(3).map(({ standardError, ...of }) => ({ ...of, ...(standardError !== undefined && { standard_error: standardError }) })),
      ...outputs[0]!.conformal,
      predictive_entropy: this.predictiveEntropy,
      expected_entropy: this.expectedEntropy,
      mutual_information: this.mutualInformation,
      ...(this.standardErrors && { standard_errors: snakes(ENTROPIES, this.standardErrors) as unknown as EntropyErrorsJson }),
      ...common,
    };
  }
}
