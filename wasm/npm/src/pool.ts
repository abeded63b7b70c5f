import { Bayes8Error, orAborted } from "./error.js";
import { kindOf } from "./kinds.js";
import { fetchParts, type LoadOptions } from "./load.js";
import { checkOptions, invalid, limitsOf } from "./options.js";
import { platform, type WorkerSource } from "./platform.js";
import { Predictor } from "./predictor.js";
import { type Source, withName } from "./source.js";
import { WorkerThread } from "./worker-thread.js";

/** How a model is loaded into several workers. */
export interface PoolOptions extends LoadOptions {
  /** 1 to 256; default: what suits this machine. Each holds the model. */
  readonly workers?: number | undefined;
  /**
   * The workers from elsewhere: the address of a copy of `bayes8/worker.js`, or a function that starts
   * one. In Node it starts a `Worker` of `node:worker_threads`.
   */
  readonly worker?: WorkerSource | undefined;
}

const MOST_WORKERS = 256;

/**
 * A model in several workers. A worker that crashes fails the predictions it was working on, with code
 * `worker`; the others go on.
 */
export class Pool extends Predictor {
  // Minified, the class itself would have another name.
  static override readonly name = "Pool";

  private constructor(...parts: ConstructorParameters<typeof Predictor>) {
    super(...parts);
  }

  /** @internal */
  static async load(source: Source, options: PoolOptions): Promise<Pool> {
    const { workers = Math.min(platform().threads(), MOST_WORKERS), worker, signal } = checkOptions("pool", options);
    if (!Number.isInteger(workers) || workers < 1 || workers > MOST_WORKERS) {
      throw invalid("workers", `an integer from 1 to ${MOST_WORKERS}`, workers);
    }
    if (!["undefined", "string", "function"].includes(typeof worker) && kindOf(worker) !== "URL") {
      throw invalid("worker", "a URL, or a function that starts a worker", worker);
    }
    const limits = limitsOf(options);
    const [engine, bytes] = await fetchParts(source, options);
    // A clone of a part takes the whole buffer along.
    const file = bytes.length < bytes.buffer.byteLength ? new Uint8Array(bytes) : bytes;
    const threads: WorkerThread[] = [];
    try {
      while (threads.length < workers) threads.push(new WorkerThread(worker));
      const loading = threads.map((thread, index) =>
        thread.load(engine.module, file, limits).catch((error: Bayes8Error) => {
          if (error.code !== "internal" || !/memory/i.test(error.message)) throw error;
          const which = `worker ${index + 1} of ${workers} has no memory for the model: ask for fewer workers`;
          throw new Bayes8Error("worker", which, error);
        }),
      );
      const loaded = Promise.all(loading);
      const [info] = await orAborted(loaded, signal);
      return new Pool(info!, engine, threads);
    } catch (error) {
      for (const thread of threads) thread.close();
      throw withName(source, error);
    }
  }

  /** Workers that work: fewer than asked for once one has crashed. */
  get workers(): number {
    return this.threads;
  }
}
