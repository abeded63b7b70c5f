import type { Bayes8Error } from "./error.js";
import { toBayes8Error } from "./error.js";
import type { Engine } from "./engine.js";
import type { NodeTrace } from "./glue.js";
import { platform } from "./platform.js";
import type { Pixels, RgbaPicture } from "./pixels.js";
import type { Runner, Task, TaskResult } from "./runner.js";

/** A thread that holds the model: this one, or a worker. */
export interface Thread {
  /** Set once the thread has failed and runs nothing any more. */
  readonly failure: Bayes8Error | undefined;
  fit(picture: RgbaPicture): Promise<Uint8Array>;
  begin(job: number, pictures: Pixels): Promise<void>;
  run(task: Task): Promise<TaskResult>;
  trace(job: number, seed: bigint | undefined, sample: number): Promise<NodeTrace[]>;
  logits(job: number): Promise<Float32Array[]>;
  end(job: number): void;
  close(): void;
}

/** The current thread. After each piece of work, other tasks of the event loop run. */
export class LocalThread implements Thread {
  readonly #runner: Runner;
  readonly #engine: Engine;

  constructor(runner: Runner, engine: Engine) {
    this.#runner = runner;
    this.#engine = engine;
  }

  /** If an instance traps, all its models have failed: they share its memory. */
  get failure(): Bayes8Error | undefined {
    return this.#engine.trap;
  }

  async fit(picture: RgbaPicture): Promise<Uint8Array> {
    return this.#guard(() => this.#runner.fit(picture));
  }

  async begin(job: number, pictures: Pixels): Promise<void> {
    this.#guard(() => this.#runner.begin(job, pictures));
    await platform().nextTask();
  }

  async run(task: Task): Promise<TaskResult> {
    const result = this.#guard(() => this.#runner.run(task));
    await platform().nextTask();
    return result;
  }

  async trace(job: number, seed: bigint | undefined, sample: number): Promise<NodeTrace[]> {
    return this.#guard(() => this.#runner.trace(job, seed, sample));
  }

  async logits(job: number): Promise<Float32Array[]> {
    return this.#guard(() => this.#runner.logits(job));
  }

  end(job: number): void {
    // After a trap, the objects of the module may still be borrowed.
    if (!this.failure) this.#runner.end(job);
  }

  close(): void {
    if (!this.failure) this.#runner.free();
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const failure = toBayes8Error(error);
      if (error instanceof WebAssembly.RuntimeError) this.#engine.trap = failure;
      throw failure;
    }
  }
}
