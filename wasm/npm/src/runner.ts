import { isFloats } from "./kinds.js";
import type { Batch, Glue, LoadedModel, NodeTrace, RawInfo } from "./glue.js";
import type { ModelOptions } from "./options.js";
import type { Pixels, RgbaPicture } from "./pixels.js";

/** Samples to run for a job: first, first + 1, ..., first + count - 1. */
export interface Task {
  readonly job: number;
  /** Undefined for chosen draws. */
  readonly seed: bigint | undefined;
  readonly first: number;
  readonly count: number;
  readonly keepLogits: boolean;
}

/** The sums of all samples that this thread ran for a job, one array per picture, and the time of the last task. */
export interface TaskResult {
  readonly sums: BigInt64Array[];
  readonly milliseconds: number;
}

/** A model in the current thread, and the jobs under way on it. */
export class Runner {
  readonly #network: LoadedModel;
  readonly #batches = new Map<number, Batch>();

  /** Copies `file` into the instance's memory. */
  constructor(glue: Glue, file: Uint8Array, { maxMemoryBytes, maxSteps, inputSize = [] }: ModelOptions) {
    // Leading extents of 1 may be left out.
    const size = inputSize.length > 0 ? [1, 1, ...inputSize].slice(-3) : [];
    this.#network = new glue.LoadedModel(file, Uint32Array.from(size), maxMemoryBytes, maxSteps);
  }

  info(): RawInfo {
    return this.#network.info();
  }

  /** The picture's bytes in the model's shape. */
  fit({ data, width, height }: RgbaPicture): Uint8Array {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return this.#network.fit(bytes, width, height);
  }

  /** Begins a job on one or more pictures, which lie one after the other in `pictures`. */
  begin(job: number, pictures: Pixels): void {
    const network = this.#network;
    const batch =
      isFloats(pictures) ? network.beginFloats(pictures) : network.beginBytes(pictures);
    this.#batches.set(job, batch);
  }

  run({ job, seed, first, count, keepLogits }: Task): TaskResult {
    const batch = this.#batch(job);
    const start = performance.now();
    batch.run(seed, first, count, keepLogits);
    const milliseconds = performance.now() - start;
    return { sums: Array.from({ length: batch.pictures }, (_, picture) => batch.sums(picture)), milliseconds };
  }

  /** The output of every node for a job's pictures and one sample. Does not change the job. */
  trace(job: number, seed: bigint | undefined, sample: number): NodeTrace[] {
    return this.#batch(job).trace(seed, sample);
  }

  /** `[samples][numbers]` for each picture, in the order in which the samples ran. */
  logits(job: number): Float32Array[] {
    const batch = this.#batch(job);
    return Array.from({ length: batch.pictures }, (_, picture) => batch.logits(picture));
  }

  /** Forgets a job. */
  end(job: number): void {
    this.#batches.get(job)?.free();
    this.#batches.delete(job);
  }

  /** Returns all memory to the instance. */
  free(): void {
    for (const job of this.#batches.keys()) this.end(job);
    this.#network.free();
  }

  #batch(job: number): Batch {
    const batch = this.#batches.get(job);
    if (!batch) throw new Error(`no job ${job} is under way`);
    return batch;
  }
}
