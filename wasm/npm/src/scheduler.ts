import { abortError, Bayes8Error, toBayes8Error } from "./error.js";
import type { Job } from "./job.js";
import type { Thread } from "./thread.js";

/** Jobs that a thread shares its time between. */
const MOST_BEGUN = 16;

/** Gives the samples of all jobs to the threads, piece by piece. */
export class Scheduler {
  readonly #threads: readonly Thread[];
  readonly #idle: Set<Thread>;
  #closed: Bayes8Error | undefined;
  // Jobs that no thread has begun, and begun ones with samples left: the one that was served last at the end.
  readonly #new = new Set<Job>();
  readonly #begun = new Set<Job>();
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
      this.#new.add(job);
      for (const thread of this.#idle) void this.#serve(thread);
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

  /** Has `thread` work while there is work for it. */
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
    // Nobody is left for what waits.
    else if (this.failure) for (const job of this.#settle.keys()) this.#finish(job, this.failure);
  }

  // New jobs first, so that none waits for a long one; then those that this thread has begun, since a
  // job that a further thread begins costs its deterministic first layers again; then others.
  #pick(thread: Thread): Job | undefined {
    // But not all at once: a job that has begun holds memory.
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
