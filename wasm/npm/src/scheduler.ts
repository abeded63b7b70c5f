import { abortError, Bayes8Error, toBayes8Error } from "./error.js";
import type { Job } from "./job.js";
import type { Thread } from "./thread.js";

/** Gives the samples of all jobs to the threads, piece by piece. */
export class Scheduler {
  readonly #threads: readonly Thread[];
  readonly #idle: Set<Thread>;
  #closed: Bayes8Error | undefined;
  // Jobs with samples left, the one that was served last at the end.
  readonly #queue: Job[] = [];
  readonly #settle = new Map<Job, (error?: Bayes8Error) => void>();

  constructor(threads: readonly Thread[]) {
    this.#threads = threads;
    this.#idle = new Set(threads);
  }

  /** Threads that can work. */
  get threads(): number {
    return this.#threads.filter(({ failure }) => !failure).length;
  }

  /** Why nothing runs any more: disposed of, or no thread left. */
  get failure(): Bayes8Error | undefined {
    return this.#closed ?? (this.threads === 0 ? this.#threads[0]?.failure : undefined);
  }

  /** Runs all samples of `job`. The caller ends the job. */
  run(job: Job, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.failure) throw this.failure;
      if (signal?.aborted) throw abortError(signal);
      const abort = () => this.#finish(job, abortError(signal!));
      signal?.addEventListener("abort", abort);
      this.#settle.set(job, (error) => {
        signal?.removeEventListener("abort", abort);
        error ? reject(error) : resolve();
      });
      this.#queue.push(job);
      for (const thread of this.#idle) this.#dispatch(thread);
    });
  }

  /** Takes `job` out, if it is still under way. */
  cancel(job: Job): void {
    this.#finish(job, new Bayes8Error("aborted", "nobody waits for this prediction any more"));
  }

  /** Rejects all jobs, and those to come. */
  close(failure: Bayes8Error): void {
    this.#closed = failure;
    for (const job of this.#settle.keys()) this.#finish(job, failure);
  }

  #finish(job: Job, error?: Bayes8Error): void {
    this.#remove(job);
    const settle = this.#settle.get(job);
    this.#settle.delete(job);
    settle?.(error);
  }

  async #dispatch(thread: Thread): Promise<void> {
    const job = this.#pick(thread);
    if (!job || thread.failure) return;
    this.#idle.delete(thread);
    try {
      const step = job.step(thread, this.threads);
      this.#remove(job);
      if (job.hasWork) this.#queue.push(job);
      await step;
      if (job.complete) this.#finish(job);
    } catch (error) {
      this.#finish(job, toBayes8Error(error));
    }
    if (!thread.failure) {
      this.#idle.add(thread);
      return this.#dispatch(thread);
    }
    // Nobody is left for what waits.
    if (this.failure) for (const job of this.#settle.keys()) this.#finish(job, this.failure);
  }

  // New jobs first, so that none waits for a long one; then those that this thread has begun, since a
  // job that a further thread begins costs its deterministic first layers again; then others.
  #pick(thread: Thread): Job | undefined {
    return (
      this.#queue.find((job) => !job.begun) ??
      this.#queue.find((job) => job.isBegunOn(thread)) ??
      this.#queue[0]
    );
  }

  #remove(job: Job): void {
    const index = this.#queue.indexOf(job);
    if (index >= 0) this.#queue.splice(index, 1);
  }
}
