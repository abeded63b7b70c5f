/**
 * What went wrong:
 * - `invalid-model`: the bytes are not a model, or a damaged one;
 * - `invalid-input`: a picture does not fit the model, is not finite, or cannot be read;
 * - `invalid-samples`: a number or range of samples that is empty, malformed, or beyond 2^28 or the chosen draws;
 * - `invalid-option`: any other option out of its range;
 * - `aborted`: the caller's signal fired; its reason is the error's `cause`;
 * - `disposed`: the model or pool was disposed of;
 * - `network`: a file could not be fetched or read;
 * - `unsupported`: this runtime lacks a feature that is needed or was asked for;
 * - `worker`: a worker could not start, or crashed;
 * - `internal`: a fault of bayes8 itself, or memory ran out.
 */
export type Bayes8ErrorCode = (typeof CODES)[number];

const CODES = [
  "invalid-model",
  "invalid-input",
  "invalid-samples",
  "invalid-option",
  "aborted",
  "disposed",
  "network",
  "unsupported",
  "worker",
  "internal",
] as const;

/** Every error of this package: `code` says which kind, `message` what is wrong and what would be right. */
export class Bayes8Error extends Error {
  // Minifying renames the class itself.
  static override readonly name = "Bayes8Error";
  override readonly name = "Bayes8Error";
  readonly code: Bayes8ErrorCode;

  constructor(code: Bayes8ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Any thrown value as a `Bayes8Error`; the wasm module throws `{code, message}`. */
export function toBayes8Error(error: unknown): Bayes8Error {
  if (error instanceof Bayes8Error) return error;
  const { code, message = String(error) } = (error ?? {}) as { code?: unknown; message?: string };
  const known = CODES.find((known) => known === code);
  return new Bayes8Error(known ?? "internal", message, error);
}

/** Throws `aborted` once `signal` has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

export function abortError(signal: AbortSignal): Bayes8Error {
  return new Bayes8Error("aborted", "aborted by the caller's signal", signal.reason);
}

/** `work`, or `aborted` as soon as `signal` fires; the work itself goes on for anyone else who waits for it. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  work.catch(() => {}); // It may fail when nobody waits for it any more.
  throwIfAborted(signal);
  let abort!: () => void;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(abortError(signal));
    signal.addEventListener("abort", abort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
