import { Bayes8Error } from "./error.js";
import type { Glue } from "./glue.js";

/** An output that tells mutually exclusive classes apart. */
export interface ClassesInfo {
  readonly head: "classes";
  readonly name: string;
  /** One name per class; `class N` if the model names none. */
  readonly classNames: readonly string[];
}

/** An output of independent labels: a picture has any of them, several or none. */
export interface LabelsInfo {
  readonly head: "labels";
  readonly name: string;
  /** One name per label; `label N` if the model names none. */
  readonly labelNames: readonly string[];
  /** The two outcomes of each label, without it and with it: `no` and `yes`, unless a single label has other names. */
  readonly outcomes: readonly [string, string];
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
export function describe({ name, head, names, outcomes, units, parameters }: RawOutput): OutputInfo {
  switch (head) {
    case "classes":
      return { head, name, classNames: names };
    case "labels":
      return { head, name, labelNames: names, outcomes: outcomes as [string, string] };
    case "gaussian": {
      const target = (name: string, index: number) => {
        const [scale, offset, noise] = parameters.slice(2 + 4 * index) as [number, number, number];
        return { name, unit: units[index]!, scale, offset, noise };
      };
      return { head, name, variance: VARIANCES[parameters[1]!]!, targets: names.map(target) };
    }
  }
}

/** The figures of an output, from its sums. */
export function finish({ name, head, names, parameters }: RawOutput, sums: BigInt64Array, glue: Glue): OutputPrediction {
  const figures = glue.figures(Float64Array.from(parameters), sums);
  const result: Record<string, unknown> = { head, name };
  let end = 0;
  for (const figure of FIGURES[head]) {
    const isNumber = head === "classes" && end >= 2 * names.length;
    result[figure] = isNumber ? figures[end++] : figures.slice(end, (end += names.length));
  }
  result.sums = sums;
  return result as unknown as OutputPrediction;
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

/** An `OutputPrediction` as JSON. */
export type OutputJson =
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
    };
