import { isFloats } from "./kinds.js";
import type { Batch, Glue, LoadedModel, ModelInfo, NodeTrace } from "./glue.js";
import type { Limits } from "./options.js";
import type { Pixels, RgbaPicture } from "./pixels.js";

/** Samples to run for a job: first, first + 1, ..., first + count - 1. */
export interface Task {
  readonly job: number;
  readonly seed: bigint;
  readonly first: number;
  readonly count: number;
  readonly keepLogits: boolean;
}

/** A job's sums over all samples that this thread ran for it, one array a picture, and the last task's time. */
export interface TaskResult {
  readonly sums: BigInt64Array[];
  readonly milliseconds: number;
}

/** A model in the thread that runs this code, and the jobs that are under way on it. */
export class Runner {
  readonly #network: LoadedModel;
  readonly #batches = new Map<number, Batch>();

  /** Copies `file` into the instance's memory. */
  constructor(glue: Glue, file: Uint8Array, { maxMemoryBytes, maxSteps }: Limits) {
    this.#network = new glue.LoadedModel(file, maxMemoryBytes, maxSteps);
  }

  info(): ModelInfo {
    return this.#network.info();
  }

  /** The picture's bytes in the model's shape. */
  fit({ data, width, height }: RgbaPicture): Uint8Array {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return this.#network.fit(bytes, width, height);
  }

  /** Begins a job on one or more pictures, one after the other in `pictures`. */
  begin(job: number, pictures: Pixels): void {
    const network = this.#network;
    const batch =
      isFloats(pictures) ? network.beginNormalized(pictures) : network.beginBytes(pictures);
    this.#batches.set(job, batch);
  }

  run({ job, seed, first, count, keepLogits }: Task): TaskResult {
    const batch = this.#batch(job);
    const start = performance.now();
    batch.run(seed, first, count, keepLogits);
    const milliseconds = performance.now() - start;
    return { sums: Array.from({ length: batch.pictures }, (_, picture) => batch.sums(picture)), milliseconds };
  }

  /** What every node gives for a job's pictures and one sample; the job is as it was. */
  trace(job: number, seed: bigint, sample: number): NodeTrace[] {
    return this.#batch(job).trace(seed, sample);
  }

  /** `[samples][classes]` for each picture, in the order in which the samples ran. */
  logits(job: number): Float32Array[] {
    const batch = this.#batch(job);
    return Array.from({ length: batch.pictures }, (_, picture) => batch.logits(picture));
  }

  /** Forgets a job. */
  end(job: number): void {
    this.#batches.get(job)?.free();
    this.#batches.delete(job);
  }

  /** Gives all memory back to the instance. */
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
