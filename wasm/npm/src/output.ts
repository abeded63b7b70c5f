import { Bayes8Error } from "./error.js";
import type { Glue } from "./glue.js";
import type { ClassesErrors, EntropyErrorsJson, GaussianErrors, LabelsErrors } from "./standard-errors.js";

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
export type OutputInfo = (ClassesInfo | LabelsInfo | GaussianInfo) & {
  /** The numbers of planes, rows and columns of a map, such as a segmentation; absent for other outputs. */
  readonly positions?: Positions;
};

/** The numbers of planes, rows and columns of a map. */
export type Positions = readonly [planes: number, rows: number, columns: number];

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
  /** Absent for a single sample, whose error is not known. */
  readonly standardErrors?: ClassesErrors;
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
  /** Absent for a single sample, whose error is not known. */
  readonly standardErrors?: LabelsErrors;
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
  /** Absent for a single sample, whose error is not known. */
  readonly standardErrors?: GaussianErrors;
  /**
   * The lower and the upper end of the prediction interval of each target, perhaps infinite, if the model was
   * calibrated for intervals.
   */
  readonly intervals?: readonly (readonly [number, number])[];
  /** The output's part of the prediction's sums. */
  readonly sums: BigInt64Array;
}

/** What the predictions of all maps have. Maps have no standard errors. */
interface MapPrediction {
  /** Name of the output. */
  readonly name: string;
  readonly positions: Positions;
  /** The output's part of the prediction's sums. */
  readonly sums: BigInt64Array;
}

/** The prediction of a map of classes, such as a segmentation. Entropies are in nats. */
export interface ClassesMapPrediction extends MapPrediction {
  readonly head: "classes";
  /** The most probable class of each position, `[planes][rows][columns]`. */
  readonly classes: Uint16Array;
  /** Mean probabilities, `[planes][rows][columns][classes]`. */
  readonly probabilities: Float32Array;
  /** Standard deviations of the probabilities over the samples. */
  readonly std: Float32Array;
  /** Total uncertainty of each position: entropy of the mean probabilities. */
  readonly predictiveEntropy: Float32Array;
  /** Aleatoric uncertainty of each position: mean entropy of the samples. */
  readonly expectedEntropy: Float32Array;
  /** Epistemic uncertainty of each position: the difference of the two entropies, at least 0. */
  readonly mutualInformation: Float32Array;
  /**
   * The prediction sets, `[planes][rows][columns][classes]`, if the model was calibrated for sets: 1 for each class that
   * belongs to the set of its position, else 0.
   */
  readonly set?: Uint8Array;
}

/** The prediction of a map of labels. All figures are `[planes][rows][columns][labels]`; entropies are in nats. */
export interface LabelsMapPrediction extends MapPrediction {
  readonly head: "labels";
  readonly probabilities: Float32Array;
  /** Standard deviations of the probabilities over the samples. */
  readonly std: Float32Array;
  readonly predictiveEntropy: Float32Array;
  readonly expectedEntropy: Float32Array;
  readonly mutualInformation: Float32Array;
}

/** The prediction of a map of targets. All figures are `[planes][rows][columns][targets]`, in the units of the targets. */
export interface GaussianMapPrediction extends MapPrediction {
  readonly head: "gaussian";
  readonly mean: Float64Array;
  readonly std: Float64Array;
  readonly aleatoricStd: Float64Array;
  readonly epistemicStd: Float64Array;
}

/** The prediction of one output: `head` says which figures it has. A map has `positions`, other outputs have none. */
export type OutputPrediction =
  | ((ClassesPrediction | LabelsPrediction | GaussianPrediction) & { readonly positions?: undefined })
  | ClassesMapPrediction
  | LabelsMapPrediction
  | GaussianMapPrediction;

/** An output as the module describes it. */
export interface RawOutput {
  readonly name: string;
  readonly head: OutputInfo["head"];
  /** Of the classes, labels or targets. */
  readonly names: readonly string[];
  readonly outcomes: readonly string[];
  readonly units: readonly string[];
  readonly positions: Positions;
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

/** The figures of each head. */
const FIGURES = {
  classes: PROBABILITIES,
  labels: PROBABILITIES,
  gaussian: ["mean", "std", "aleatoricStd", "epistemicStd"],
} as const;

/** The description for users. */
export function describe(raw: RawOutput): OutputInfo {
  const { name, head, names, outcomes, units, parameters, conformal: of } = raw;
  const { method, alpha, calibrationExamples, samples, seed } = of ?? ({} as ConformalInfo);
  const conformal = of && { conformal: { method, alpha, calibrationExamples, samples, seed } };
  const extra = { ...(isMap(raw) && { positions: raw.positions }), ...conformal };
  switch (head) {
    case "classes":
      return { head, name, classNames: names, ...extra };
    case "labels":
      return { head, name, labelNames: names, outcomes: outcomes as [string, string], ...extra };
    case "gaussian": {
      const target = (name: string, index: number) => {
        const [scale, offset, noise] = parameters.slice(2 + 4 * index) as [number, number, number];
        return { name, unit: units[index]!, scale, offset, noise };
      };
      return { head, name, variance: VARIANCES[parameters[1]!]!, targets: names.map(target), ...extra };
    }
  }
}

/** Whether an output is a map. */
export const isMap = ({ positions }: { readonly positions?: Positions | undefined }): boolean =>
  !!positions?.some((extent) => extent !== 1);

/** The figures of an output, from its sums. */
export function finish(raw: RawOutput, sums: BigInt64Array, glue: Glue): OutputPrediction {
  const { name, head, positions, parameters, conformal } = raw;
  const predictor = Float64Array.from(conformal?.parameters ?? []);
  const figures = glue.figures(Float64Array.from(parameters), Uint32Array.from(positions), predictor, sums);
  return { head, name, ...(isMap(raw) && { positions }), ...figures, sums } as OutputPrediction;
}

/** The set or the intervals of an output with the keys of `bayes8 predict --json`; nothing if it has none. */
export function conformalJson(
  { conformal, names }: RawOutput,
  output: OutputPrediction,
  isCalibrated: (of: ConformalInfo) => boolean,
): { readonly conformal?: ConformalJson } {
  if (!conformal) return {};
  const { set, sets, intervals } = output as { [K in "set" | "sets" | "intervals"]?: unknown };
  const { method, alpha, calibrationExamples: calibration_examples } = conformal;
  const common = { method, alpha, calibration_examples, as_calibrated: isCalibrated(conformal) };
  const members = set as readonly number[] | Uint8Array | undefined;
  const named = (members: readonly number[]) => members.map((index) => ({ class: index, name: names[index]! }));
  const region = !members
    ? sets ? { sets } : { intervals }
    : { set: members instanceof Uint8Array ? [...members] : named(members) };
  return { conformal: { ...common, ...region } as ConformalJson };
}

/** The figures of an output with the keys of `bayes8 predict --json`. */
export function toJson(output: OutputPrediction): OutputJson {
  const { head, positions } = output;
  const errors = !output.positions && output.standardErrors;
  return {
    ...(positions ? { head, positions } : { head }),
    ...snakes(FIGURES[head], output),
    ...(errors && { standard_errors: snakes(Object.keys(errors), errors) }),
  } as unknown as OutputJson;
}

/** The figures of these names with the keys of JSON. */
export function snakes(names: readonly string[], figures: object): Record<string, unknown> {
  const of = figures as Record<string, number | Float64Array | Float32Array>;
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const plain = (value: number | Float64Array | Float32Array) => (typeof value === "number" ? value : [...value]);
  return Object.fromEntries(names.map((name) => [snake(name), plain(of[name]!)]));
}

/** Gives `prediction` the figures of `first` if it has classes, but is not a map; otherwise to ask for one of them is an error. */
export function addShortcuts(prediction: object, first: OutputPrediction): void {
  for (const figure of [...PROBABILITIES, "standardErrors"] as const) {
    if (first.head === "classes" && !first.positions) {
      if (figure in first) Object.assign(prediction, { [figure]: first[figure] });
    } else Object.defineProperty(prediction, figure, { get: () => noClasses(figure, first) });
  }
}

/** Throws for `asked`, which only classes have. */
export function noClasses(asked: string, output: Pick<OutputPrediction, "name" | "head" | "positions">): never {
  const { name, head } = output;
  const what = isMap(output) ? "is a map" : `has the head ${head}`;
  throw new Bayes8Error(
    "invalid-option",
    `${asked} is of classes, but output ${name} ${what}: outputs[${JSON.stringify(name)}] has ${FIGURES[head].join(", ")}`,
  );
}

/** A prediction set or intervals as JSON. */
export interface ConformalJson {
  readonly method: ConformalInfo["method"];
  readonly alpha: number;
  readonly calibration_examples: number;
  /** Whether the prediction has the samples that the promise is for. */
  readonly as_calibrated: boolean;
  /** Of classes; of a map of them, `[planes][rows][columns][classes]`, 1 or 0 for each. */
  readonly set?: readonly { readonly class: number; readonly name: string }[] | readonly number[];
  /** Of labels. */
  readonly sets?: readonly LabelSet[];
  /** Of targets; JSON writes an infinite end as null. */
  readonly intervals?: readonly (readonly [number, number])[];
}

/** An `OutputPrediction` as JSON. */
export type OutputJson = { readonly conformal?: ConformalJson; readonly positions?: Positions } & (
  | {
      readonly head: "classes";
      readonly probabilities: readonly number[];
      readonly std: readonly number[];
      /** A number; of a map, one per position. */
      readonly predictive_entropy: number | readonly number[];
      readonly expected_entropy: number | readonly number[];
      readonly mutual_information: number | readonly number[];
      /** Absent for a single sample, and of maps, as all that follow. */
      readonly standard_errors?: EntropyErrorsJson & { readonly probabilities: readonly number[] };
    }
  | {
      readonly head: "labels";
      readonly probabilities: readonly number[];
      readonly std: readonly number[];
      readonly predictive_entropy: readonly number[];
      readonly expected_entropy: readonly number[];
      readonly mutual_information: readonly number[];
      readonly standard_errors?: {
        readonly probabilities: readonly number[];
        readonly predictive_entropy: readonly number[];
        readonly expected_entropy: readonly number[];
        readonly mutual_information: readonly number[];
      };
    }
  | {
      readonly head: "gaussian";
      readonly mean: readonly number[];
      readonly std: readonly number[];
      readonly aleatoric_std: readonly number[];
      readonly epistemic_std: readonly number[];
      readonly standard_errors?: { readonly mean: readonly number[] };
    }
);
