import { Bayes8Error } from "./error.js";
import type { ModelInfo } from "./glue.js";
import { shown } from "./kinds.js";

/** Limits on what a model needs for one picture and sample. */
export interface Limits {
  /** Bytes of working memory; default: 2 GiB. A model that needs more is refused. */
  readonly maxMemoryBytes?: number | undefined;
  /** Steps; default: 2^42. A model that needs more is refused. */
  readonly maxSteps?: number | undefined;
}

/** What a model is loaded with. */
export interface ModelOptions extends Limits {
  /**
   * `[rows, columns]` of the inputs, if the network fits others than those of the file; `[planes, rows, columns]` of
   * volumes, `[length]` of sequences.
   */
  readonly inputSize?: readonly number[] | undefined;
}

/** Draws of the weights: those of the model's list, or random ones of a seed. */
export type Draws = "chosen" | "random";

/** Which draws samples take. */
export interface DrawOptions {
  /** Default: `chosen`, if the model has a list (`info.chosenDraws`) and no seed is given. */
  readonly draws?: Draws | undefined;
  /**
   * Seed of random draws, 0 to 2^64 - 1; a number must be a safe integer. Default 0. The same seed gives the same bits.
   */
  readonly seed?: bigint | number | undefined;
}

export interface StreamOptions extends DrawOptions {
  /**
   * Monte-Carlo samples, 1 to 2^28, or to the number of chosen draws; default `info.defaultSamples`, 32 of most models,
   * or all chosen draws if they are fewer.
   */
  readonly samples?: number | undefined;
  /** Index of the first sample; default 0. Ranges of the same draws are parts of one series. */
  readonly firstSample?: number | undefined;
  /** Stops the prediction between chunks of samples. */
  readonly signal?: AbortSignal | undefined;
}

export interface PredictOptions extends StreamOptions {
  /** Whether to return every sample's logits, and their digest; default false. */
  readonly logits?: boolean | undefined;
}

export interface TraceOptions extends DrawOptions {
  /** Index of the sample; default 0. */
  readonly sample?: number | undefined;
}

/** Checked options. */
export interface Request {
  /** Undefined for chosen draws. */
  readonly seed: bigint | undefined;
  readonly first: number;
  readonly samples: number;
  readonly keepLogits: boolean;
}

const STREAM = ["samples", "draws", "seed", "firstSample", "signal"];
const LOAD = [
  "onProgress",
  "signal",
  "kernel",
  "wasm",
  "maxMemoryBytes",
  "maxSteps",
  "inputSize",
  "maxBytes",
  "integrity",
  "timeout",
];

/** The options of each call. */
const KNOWN = {
  load: LOAD,
  pool: [...LOAD, "workers", "worker"],
  predict: [...STREAM, "logits"],
  stream: STREAM,
  trace: ["draws", "seed", "sample"],
  paint: ["figure", "index", "plane", "palette", "range"],
};

const MAX_SAMPLES = 2 ** 28;

export const invalid = (option: string, expected: string, found: unknown): Bayes8Error =>
  new Bayes8Error("invalid-option", `${option}: ${expected}, not ${shown(found)}`);

/** Returns `options`; throws if it is not an object, has an unknown option, or a signal or callback of the wrong type. */
export function checkOptions<T extends object>(call: keyof typeof KNOWN, options: T): T {
  if (typeof options !== "object" || options === null) throw invalid("options", "an object", options);
  const known = KNOWN[call];
  for (const key in options) {
    if (!known.includes(key)) {
      throw new Bayes8Error("invalid-option", `${shown(key)} is not an option of ${call}: it has ${known.join(", ")}`);
    }
  }
  const { signal, onProgress } = options as { signal?: AbortSignal; onProgress?: unknown };
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw invalid("signal", "an AbortSignal", signal);
  }
  if (onProgress !== undefined && typeof onProgress !== "function") {
    throw invalid("onProgress", "a function", onProgress);
  }
  return options;
}

/** Only what a worker needs of `options`, which can be sent to it. */
export function modelOptions({ maxMemoryBytes, maxSteps, inputSize }: ModelOptions): ModelOptions {
  checkLimits({ maxMemoryBytes, maxSteps });
  if (inputSize !== undefined) {
    const fits = Array.isArray(inputSize) && inputSize.length >= 1 && inputSize.length <= 3;
    if (!fits || !inputSize.every((extent) => Number.isInteger(extent) && extent >= 1 && extent <= 2 ** 26)) {
      throw invalid("inputSize", "[rows, columns], [planes, rows, columns] or [length]", inputSize);
    }
  }
  return { maxMemoryBytes, maxSteps, inputSize };
}

/** Throws for the first of `limits` that is not a number from 1. */
export function checkLimits(limits: Readonly<Record<string, unknown>>): void {
  for (const [name, limit] of Object.entries(limits)) {
    if (limit !== undefined && !(typeof limit === "number" && limit >= 1)) {
      throw invalid(name, "a number from 1", limit);
    }
  }
}

export function parseOptions(options: PredictOptions, info: ModelInfo): Request {
  const { seed, most, limit } = parseDraws(options, info);
  const { samples = Math.min(info.defaultSamples, most), firstSample: first = 0, logits = false } = options;
  if (!Number.isInteger(samples) || samples < 1 || samples > most) {
    throw new Bayes8Error("invalid-samples", `samples: an integer from 1 to ${limit}, not ${shown(samples)}`);
  }
  if (!Number.isInteger(first) || first < 0 || first + samples > most) {
    throw new Bayes8Error(
      "invalid-samples",
      `firstSample: an integer from 0, with firstSample + samples at most ${limit}, not ${shown(first)} and ${samples} samples`,
    );
  }
  if (typeof logits !== "boolean") throw invalid("logits", "true or false", logits);
  return { seed, first, samples, keepLogits: logits };
}

/** The request for the one sample of a trace. */
export function parseTrace(options: TraceOptions, info: ModelInfo): Request {
  const { seed, most, limit } = parseDraws(options, info);
  const { sample = 0 } = options;
  if (!Number.isInteger(sample) || sample < 0 || sample >= most) {
    throw new Bayes8Error("invalid-samples", `sample: an integer from 0, below ${limit}, not ${shown(sample)}`);
  }
  return { seed, first: sample, samples: 1, keepLogits: false };
}

/** The seed, undefined for chosen draws, and how many draws there are, also in words. */
function parseDraws({ draws, seed }: DrawOptions, { chosenDraws }: ModelInfo) {
  if (draws !== undefined && draws !== "chosen" && draws !== "random") {
    throw invalid("draws", "chosen or random", draws);
  }
  if (draws === "random" || seed !== undefined || (!draws && !chosenDraws)) {
    const parsed = parseSeed(seed === undefined ? 0n : seed);
    if (draws !== "chosen") return { seed: parsed, most: MAX_SAMPLES, limit: "2^28" };
    throw new Bayes8Error("invalid-option", "seed: it is for random draws; chosen ones have that of the model's list");
  }
  if (!chosenDraws) {
    throw new Bayes8Error("invalid-option", "draws: the model has no chosen ones; `bayes8 choose` gives it some, and random ones need none");
  }
  const limit = `${chosenDraws} (the model's chosen draws; of random ones there are 2^28)`;
  return { seed: undefined, most: chosenDraws, limit };
}

function parseSeed(seed: bigint | number): bigint {
  const whole = typeof seed === "bigint" || Number.isSafeInteger(seed);
  if (whole && seed >= 0 && seed < 2n ** 64n) return BigInt(seed);
  throw invalid("seed", "an integer from 0, as a bigint below 2^64 or a number up to 2^53 - 1", seed);
}
