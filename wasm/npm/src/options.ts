import { Bayes8Error } from "./error.js";
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

export interface StreamOptions {
  /** Monte-Carlo samples, 1 to 2^28; default `info.defaultSamples`: 32 of most models. */
  readonly samples?: number | undefined;
  /** 0 to 2^64 - 1; a number must be a safe integer. Default 0. The same seed gives the same bits. */
  readonly seed?: bigint | number | undefined;
  /** Index of the first sample; default 0. Ranges with the same seed are parts of one series. */
  readonly firstSample?: number | undefined;
  /** Stops the prediction between chunks of samples. */
  readonly signal?: AbortSignal | undefined;
}

export interface PredictOptions extends StreamOptions {
  /** Whether to return every sample's logits, and their digest; default false. */
  readonly logits?: boolean | undefined;
}

export interface TraceOptions {
  /** 0 to 2^64 - 1; a number must be a safe integer. Default 0. */
  readonly seed?: bigint | number | undefined;
  /** Index of the sample; default 0. */
  readonly sample?: number | undefined;
}

/** Checked options. */
export interface Request {
  readonly seed: bigint;
  readonly first: number;
  readonly samples: number;
  readonly keepLogits: boolean;
}

const STREAM = ["samples", "seed", "firstSample", "signal"];
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
  trace: ["seed", "sample"],
  paint: ["figure", "index", "plane", "palette", "range"],
};

export const MAX_SAMPLES = 2 ** 28;

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

export function parseOptions(options: PredictOptions, defaultSamples: number): Request {
  const { samples = defaultSamples, seed = 0n, firstSample: first = 0, logits = false } = options;
  if (!Number.isInteger(samples) || samples < 1 || samples > MAX_SAMPLES) {
    throw new Bayes8Error("invalid-samples", `samples: an integer from 1 to 2^28, not ${shown(samples)}`);
  }
  if (!Number.isInteger(first) || first < 0 || first + samples > MAX_SAMPLES) {
    throw new Bayes8Error(
      "invalid-samples",
      `firstSample: an integer from 0, with firstSample + samples at most 2^28, not ${shown(first)} and ${samples} samples`,
    );
  }
  if (typeof logits !== "boolean") throw invalid("logits", "true or false", logits);
  return { seed: parseSeed(seed), first, samples, keepLogits: logits };
}

function parseSeed(seed: bigint | number): bigint {
  const whole = typeof seed === "bigint" || Number.isSafeInteger(seed);
  if (whole && seed >= 0 && seed < 2n ** 64n) return BigInt(seed);
  throw invalid("seed", "an integer from 0, as a bigint below 2^64 or a number up to 2^53 - 1", seed);
}
