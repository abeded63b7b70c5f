import { abortError, Bayes8Error, toBayes8Error } from "./error.js";
import type { Job } from "./job.js";
import type { Thread } from "./thread.js";

/** Most jobs per thread that are under way at once. */
const MOST_BEGUN = 16;

/** Distributes the samples of all jobs to the threads, chunk by chunk. */
export class Scheduler {
  readonly #threads: readonly Thread[];
  readonly #idle: Set<Thread>;
  #closed: Bayes8Error | undefined;
  // Jobs that no thread has begun, and begun jobs with samples left; the job that was served last comes last.
  readonly #new = new Set<Job>();
  readonly #begun = new Set<Job>();
  readonly #settle = new Map<Job, (error?: Bayes8Error) => void>();

  constructor(threads: readonly Thread[]) {
    this.#threads = threads;
    this.#idle = new Set(threads);
  }

  /** Number of threads that have not failed. */
  get threads(): number {
    return this.#threads.filter(({ failure }) => !failure).length;
  }

  /** Why nothing runs any more: the model was disposed of, or all threads have failed. */
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
      this.#new.add(job);
      for (const thread of this.#idle) void this.#serve(thread);
    });
  }

  /** Removes `job`, if it is still under way. */
  cancel(job: Job): void {
    this.#finish(job, new Bayes8Error("aborted", "nobody waits for this prediction any more"));
  }

  /** Rejects all jobs, including later ones. */
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

  /** Runs work on `thread` until none is left for it. */
  async #serve(thread: Thread): Promise<void> {
    this.#idle.delete(thread);
    for (let job; !thread.failure && (job = this.#pick(thread)); ) {
      try {
        const step = job.step(thread, this.threads);
        this.#remove(job);
        if (job.hasWork) this.#begun.add(job);
        await step;
        if (job.complete) this.#finish(job);
      } catch (error) {
        this.#finish(job, toBayes8Error(error));
      }
    }
    if (!thread.failure) this.#idle.add(thread);
    // No thread is left for the jobs that wait.
    else if (this.failure) for (const job of this.#settle.keys()) this.#finish(job, this.failure);
  }

  // New jobs first, so that none waits for a long one. Then jobs that this thread has begun, since each
  // further thread on a job runs its deterministic first layers again. Then other jobs.
  #pick(thread: Thread): Job | undefined {
    // Not all new jobs at once: a job that has begun holds memory.
    if (this.#begun.size < MOST_BEGUN * this.threads) for (const job of this.#new) return job;
    for (const job of this.#begun) if (job.isBegunOn(thread)) return job;
    for (const job of this.#begun) return job;
    return undefined;
  }

  #remove(job: Job): void {
    this.#new.delete(job);
    this.#begun.delete(job);
  }
}
