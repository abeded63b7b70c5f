import { Bayes8Error, shown } from "./error.js";
import type { Limits } from "./runner.js";

export interface StreamOptions {
  /** Monte-Carlo samples, 1 to 2^28; default 32. */
  readonly samples?: number | undefined;
  /** 0 to 2^64 - 1, a safe integer if it is a number; default 0. The same seed gives the same bits. */
  readonly seed?: bigint | number | undefined;
  /** Index of the first sample; default 0. Ranges of one seed are parts of one series. */
  readonly firstSample?: number | undefined;
  /** Stops the prediction between chunks of samples. */
  readonly signal?: AbortSignal | undefined;
}

export interface PredictOptions extends StreamOptions {
  /** Whether to return every sample's logits, and their digest; default false. */
  readonly logits?: boolean | undefined;
}

export interface TraceOptions {
  /** As of a prediction; default 0. */
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

const MAX_SAMPLES = 2 ** 28;

/** `options` itself, if it and its signal are what callers in JavaScript take them for. */
export function checkOptions<T extends object>(options: T): T {
  if (typeof options !== "object" || options === null) {
    throw new Bayes8Error("invalid-option", `options: an object, not ${shown(options)}`);
  }
  const { signal } = options as StreamOptions;
  // Not by its class: that of another frame is another one.
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw new Bayes8Error("invalid-option", `signal: an AbortSignal, not ${shown(signal)}`);
  }
  return options;
}

/** The limits of `options` alone, which can go to a worker. */
export function checkLimits({ maxMemoryBytes, maxSteps }: Limits): Limits {
  for (const [name, limit] of Object.entries({ maxMemoryBytes, maxSteps })) {
    if (limit !== undefined && !(typeof limit === "number" && limit >= 1)) {
      throw new Bayes8Error("invalid-option", `${name}: a number from 1, not ${shown(limit)}`);
    }
  }
  return { maxMemoryBytes, maxSteps };
}

export function parseOptions(options: PredictOptions): Request {
  const { samples = 32, seed = 0n, firstSample: first = 0, logits = false } = options;
  if (!Number.isInteger(samples) || samples < 1 || samples > MAX_SAMPLES) {
    throw new Bayes8Error("invalid-samples", `samples: an integer from 1 to 2^28, not ${shown(samples)}`);
  }
  if (!Number.isInteger(first) || first < 0 || first + samples > MAX_SAMPLES) {
    throw new Bayes8Error(
      "invalid-samples",
      `firstSample: an integer from 0, with firstSample + samples at most 2^28, not ${shown(first)} and ${samples} samples`,
    );
  }
  return { seed: parseSeed(seed), first, samples, keepLogits: Boolean(logits) };
}

function parseSeed(seed: bigint | number): bigint {
  const whole = typeof seed === "bigint" || Number.isSafeInteger(seed);
  if (whole && seed >= 0 && seed < 2n ** 64n) return BigInt(seed);
  throw new Bayes8Error(
    "invalid-option",
    `seed: a bigint from 0 to 2^64 - 1 or a safe integer, not ${shown(seed)}`,
  );
}
