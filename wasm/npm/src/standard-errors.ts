/** How far figures of classes are from those of infinitely many samples: standard errors. Entropies are in nats. */
export interface ClassesErrors {
  /** Of the mean probability of each class. */
  readonly probabilities: Float64Array;
  /** The most that it is, to first order. */
  readonly predictiveEntropy: number;
  readonly expectedEntropy: number;
  /** The sum of the errors of both entropies. */
  readonly mutualInformation: number;
}

/** How far figures of labels are from those of infinitely many samples: the standard errors of each label. */
export interface LabelsErrors {
  readonly probabilities: Float64Array;
  /** To first order. */
  readonly predictiveEntropy: Float64Array;
  readonly expectedEntropy: Float64Array;
  /** The sum of the errors of both entropies. */
  readonly mutualInformation: Float64Array;
}

/** How far figures of targets are from those of infinitely many samples. */
export interface GaussianErrors {
  /** Standard error of each mean. */
  readonly mean: Float64Array;
}

/** The standard errors of entropies as JSON. */
export interface EntropyErrorsJson {
  readonly predictive_entropy: number;
  readonly expected_entropy: number;
  readonly mutual_information: number;
}
