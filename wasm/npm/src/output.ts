import { Bayes8Error } from "./error.js";
import type { Glue } from "./glue.js";

/** How an output was calibrated, by `bayes8 evaluate --store`, to give sets or intervals that hold the truth. */
export interface ConformalInfo {
  readonly method: "lac" | "aps" | "raps" | "residuals";
  /** The share of pictures whose set or interval may miss the truth. */
  readonly alpha: number;
  readonly calibrationExamples: number;
  /** The promise is for predictions with this number of samples, from sample 0. */
  readonly samples: number;
  /** Seed of the samples, in decimal. */
  readonly seed: string;
}

/** Which answers the prediction set of a label holds; both or none are possible. */
export interface LabelSet {
  readonly absent: boolean;
  readonly present: boolean;
}

/** An output that tells mutually exclusive classes apart. */
export interface ClassesInfo {
  readonly head: "classes";
  readonly name: string;
  /** One name per class; `class N` if the model names none. */
  readonly classNames: readonly string[];
  /** What gives prediction sets; absent if the model was not calibrated for them. */
  readonly conformal?: ConformalInfo;
}

/** An output of independent labels: a picture has any of them, several or none. */
export interface LabelsInfo {
  readonly head: "labels";
  readonly name: string;
  /** One name per label; `label N` if the model names none. */
  readonly labelNames: readonly string[];
  /** The two outcomes of each label, without it and with it: `no` and `yes`, unless a single label has other names. */
  readonly outcomes: readonly [string, string];
  /** What gives prediction sets; absent if the model was not calibrated for them. */
  readonly conformal?: ConformalInfo;
}

/** A target of a regression. */
export interface TargetInfo {
  /** `target N` if the model names none. */
  readonly name: string;
  /** Empty if the model has none. */
  readonly unit: string;
  /** The network's number y means `scale * y + offset`, in the unit of the target. */
  readonly scale: number;
  readonly offset: number;
  /** Standard deviation, in the unit of the target, of noise that the network does not state. */
  readonly noise: number;
}

/** An output that is a regression. */
export interface GaussianInfo {
  readonly head: "gaussian";
  readonly name: string;
  /** How the network states the variance of its targets. */
  readonly variance: "none" | "log" | "softplus";
  readonly targets: readonly TargetInfo[];
  /** What gives prediction intervals; absent if the model was not calibrated for them. */
  readonly conformal?: ConformalInfo;
}

/** An output of a model; `head` says what it means. */
export type OutputInfo = ClassesInfo | LabelsInfo | GaussianInfo;

/** The prediction of an output with classes. Entropies are in nats. */
export interface ClassesPrediction {
  readonly head: "classes";
  /** Name of the output. */
  readonly name: string;
  /** Mean probability of each class. */
  readonly probabilities: Float64Array;
  /** Standard deviation of each class's probability over the samples. */
  readonly std: Float64Array;
  /** Total uncertainty: entropy of the mean probabilities. */
  readonly predictiveEntropy: number;
  /** Aleatoric uncertainty: mean entropy of the samples. */
  readonly expectedEntropy: number;
  /** Epistemic uncertainty: the difference of the two entropies, at least 0. */
  readonly mutualInformation: number;
  /** The classes of the prediction set, the most probable first, if the model was calibrated for sets. */
  readonly set?: readonly number[];
  /** The output's part of the prediction's sums. */
  readonly sums: BigInt64Array;
}

/** The prediction of an output with labels: one value per label. Entropies are in nats. */
export interface LabelsPrediction {
  readonly head: "labels";
  /** Name of the output. */
  readonly name: string;
  /** Mean probability of each label. */
  readonly probabilities: Float64Array;
  /** Standard deviation of each label's probability over the samples. */
  readonly std: Float64Array;
  /** Total uncertainty: entropy of the mean probability. */
  readonly predictiveEntropy: Float64Array;
  /** Aleatoric uncertainty: mean entropy of the samples. */
  readonly expectedEntropy: Float64Array;
  /** Epistemic uncertainty: the difference of the two entropies, at least 0. */
  readonly mutualInformation: Float64Array;
  /** The prediction set of each label, if the model was calibrated for sets. */
  readonly sets?: readonly LabelSet[];
  /** The output's part of the prediction's sums. */
  readonly sums: BigInt64Array;
}

/** The prediction of a regression: one value per target, in its unit. */
export interface GaussianPrediction {
  readonly head: "gaussian";
  /** Name of the output. */
  readonly name: string;
  readonly mean: Float64Array;
  /** Standard deviation of the prediction; its square is the sum of the squares of the other two. */
  readonly std: Float64Array;
  /** Standard deviation of the noise in the data. */
  readonly aleatoricStd: Float64Array;
  /** Standard deviation of the samples' means: doubt about the weights. */
  readonly epistemicStd: Float64Array;
  /**
   * The lower and the upper end of the prediction interval of each target, perhaps infinite, if the model was
   * calibrated for intervals.
   */
  readonly intervals?: readonly (readonly [number, number])[];
  /** The output's part of the prediction's sums. */
  readonly sums: BigInt64Array;
}

/** The prediction of one output; `head` says which figures it has. */
export type OutputPrediction = ClassesPrediction | LabelsPrediction | GaussianPrediction;

/** An output as the module describes it. */
export interface RawOutput {
  readonly name: string;
  readonly head: OutputInfo["head"];
  /** Of the classes, labels or targets. */
  readonly names: readonly string[];
  readonly outcomes: readonly string[];
  readonly units: readonly string[];
  /** Numbers of a sample. */
  readonly numbers: number;
  readonly sumWords: number;
  /** The head, for `Glue.figures`: 2, the variance, and four numbers of each target for a regression. */
  readonly parameters: readonly number[];
  /** `parameters` are the method and the thresholds, for `Glue.figures`. */
  readonly conformal?: ConformalInfo & { readonly parameters: readonly number[] };
}

const VARIANCES = ["none", "log", "softplus"] as const;

const PROBABILITIES = ["probabilities", "std", "predictiveEntropy", "expectedEntropy", "mutualInformation"] as const;

/** The figures of each head, in the order of the module. */
const FIGURES = {
  classes: PROBABILITIES,
  labels: PROBABILITIES,
  gaussian: ["mean", "std", "aleatoricStd", "epistemicStd"],
} as const;

/** The description for users. */
export function describe({ name, head, names, outcomes, units, parameters, conformal: of }: RawOutput): OutputInfo {
  const { method, alpha, calibrationExamples, samples, seed } = of ?? ({} as ConformalInfo);
  const conformal = of && { conformal: { method, alpha, calibrationExamples, samples, seed } };
  switch (head) {
    case "classes":
      return { head, name, classNames: names, ...conformal };
    case "labels":
      return { head, name, labelNames: names, outcomes: outcomes as [string, string], ...conformal };
    case "gaussian": {
      const target = (name: string, index: number) => {
        const [scale, offset, noise] = parameters.slice(2 + 4 * index) as [number, number, number];
        return { name, unit: units[index]!, scale, offset, noise };
      };
      return { head, name, variance: VARIANCES[parameters[1]!]!, targets: names.map(target), ...conformal };
    }
  }
}

/** The figures of an output, from its sums. */
export function finish(raw: RawOutput, sums: BigInt64Array, glue: Glue): OutputPrediction {
  const { name, head, names, parameters, conformal } = raw;
  const figures = glue.figures(Float64Array.from(parameters), Float64Array.from(conformal?.parameters ?? []), sums);
  const result: Record<string, unknown> = { head, name };
  let end = 0;
  for (const figure of FIGURES[head]) {
    const isNumber = head === "classes" && end >= 2 * names.length;
    result[figure] = isNumber ? figures[end++] : figures.slice(end, (end += names.length));
  }
  if (conformal) {
    const rest = [...figures.slice(end)];
    const pairs = names.map((_, index) => rest.slice(2 * index, 2 * index + 2));
    if (head === "classes") result.set = rest;
    else if (head === "gaussian") result.intervals = pairs;
    else result.sets = pairs.map(([absent, present]) => ({ absent: !!absent, present: !!present }));
  }
  result.sums = sums;
  return result as unknown as OutputPrediction;
}

/** The set or the intervals of an output with the keys of `bayes8 predict --json`; nothing if it has none. */
export function conformalJson(
  { conformal, names }: RawOutput,
  { set, sets, intervals }: { [K in "set" | "sets" | "intervals"]?: unknown },
  isCalibrated: (of: ConformalInfo) => boolean,
): { readonly conformal?: ConformalJson } {
  if (!conformal) return {};
  const { method, alpha, calibrationExamples: calibration_examples } = conformal;
  const common = { method, alpha, calibration_examples, as_calibrated: isCalibrated(conformal) };
  const named = (set as number[] | undefined)?.map((index) => ({ class: index, name: names[index]! }));
  const region = named ? { set: named } : sets ? { sets } : { intervals };
  return { conformal: { ...common, ...region } as ConformalJson };
}

/** The figures of an output with the keys of `bayes8 predict --json`. */
export function toJson(output: OutputPrediction): OutputJson {
  const json: Record<string, unknown> = { head: output.head };
  for (const figure of FIGURES[output.head]) {
    const value = output[figure as keyof OutputPrediction] as number | Float64Array;
    json[figure.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = typeof value === "number" ? value : [...value];
  }
  return json as unknown as OutputJson;
}

/** Gives `prediction` the figures of `first` if it has classes; otherwise to ask for one of them is an error. */
export function addShortcuts(prediction: object, first: OutputPrediction): void {
  for (const figure of PROBABILITIES) {
    if (first.head === "classes") Object.assign(prediction, { [figure]: first[figure] });
    else Object.defineProperty(prediction, figure, { get: () => noClasses(figure, first) });
  }
}

/** Throws for `asked`, which only classes have. */
export function noClasses(asked: string, { name, head }: Pick<OutputPrediction, "name" | "head">): never {
  throw new Bayes8Error(
    "invalid-option",
    `${asked} is of classes, but output ${name} has the head ${head}: outputs[${JSON.stringify(name)}] has ${FIGURES[head].join(", ")}`,
  );
}

/** A prediction set or intervals as JSON. */
export interface ConformalJson {
  readonly method: ConformalInfo["method"];
  readonly alpha: number;
  readonly calibration_examples: number;
  /** Whether the prediction has the samples that the promise is for. */
  readonly as_calibrated: boolean;
  /** Of classes. */
  readonly set?: readonly { readonly class: number; readonly name: string }[];
  /** Of labels. */
  readonly sets?: readonly LabelSet[];
  /** Of targets; JSON writes an infinite end as null. */
  readonly intervals?: readonly (readonly [number, number])[];
}

/** An `OutputPrediction` as JSON. */
export type OutputJson = { readonly conformal?: ConformalJson } & (
  | {
      readonly head: "classes";
      readonly probabilities: readonly number[];
      readonly std: readonly number[];
      readonly predictive_entropy: number;
      readonly expected_entropy: number;
      readonly mutual_information: number;
    }
  | {
      readonly head: "labels";
      readonly probabilities: readonly number[];
      readonly std: readonly number[];
      readonly predictive_entropy: readonly number[];
      readonly expected_entropy: readonly number[];
      readonly mutual_information: readonly number[];
    }
  | {
      readonly head: "gaussian";
      readonly mean: readonly number[];
      readonly std: readonly number[];
      readonly aleatoric_std: readonly number[];
      readonly epistemic_std: readonly number[];
    }
);
