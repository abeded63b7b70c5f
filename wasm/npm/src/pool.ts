import { Bayes8Error, orAborted } from "./error.js";
import { kindOf } from "./kinds.js";
import { fetchParts, type LoadOptions } from "./load.js";
import { checkOptions, invalid, modelOptions } from "./options.js";
import { platform, type WorkerSource } from "./platform.js";
import { Predictor } from "./predictor.js";
import { type Source, withName } from "./source.js";
import { WorkerThread } from "./worker-thread.js";

/** Options of `Model.pool`. */
export interface PoolOptions extends LoadOptions {
  /** Number of workers, 1 to 256; default: one per processor thread. Each holds the model. */
  readonly workers?: number | undefined;
  /**
   * Where the workers come from: the address of a copy of `bayes8/worker.js`, or a function that starts a
   * worker. In Node it starts a `Worker` of `node:worker_threads`.
   */
  readonly worker?: WorkerSource | undefined;
}

const MOST_WORKERS = 256;

/**
 * A model in several workers. If a worker crashes, the predictions it was working on fail with code `worker`,
 * and the other workers go on.
 */
export class Pool extends Predictor {
  // Minifying renames the class itself.
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
    const settings = modelOptions(options);
    const [engine, bytes] = await fetchParts(source, options);
    // Cloning a view clones its whole buffer.
    const file = bytes.length < bytes.buffer.byteLength ? new Uint8Array(bytes) : bytes;
    const threads: WorkerThread[] = [];
    try {
      while (threads.length < workers) threads.push(new WorkerThread(worker));
      const loading = threads.map((thread, index) =>
        thread.load(engine.module, file, settings).catch((error: Bayes8Error) => {
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

  /** Number of running workers: fewer than asked for if some have crashed. */
  get workers(): number {
    return this.threads;
  }
}
