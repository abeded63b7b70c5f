import { loadEngine } from "./engine.js";
import { Bayes8Error, orAborted, shown, throwIfAborted } from "./error.js";
import type { LoadOptions } from "./model.js";
import { checkLimits, checkOptions } from "./options.js";
import { platform } from "./platform.js";
import { Predictor } from "./predictor.js";
import { read, type Source, withName } from "./source.js";
import { WorkerThread } from "./worker-thread.js";

export interface PoolOptions extends LoadOptions {
  /** 1 to 256; default: what suits this machine. Each holds the model. */
  readonly workers?: number | undefined;
}

const MOST_WORKERS = 256;

/**
 * A model in several workers. A worker that crashes fails the predictions it was working on, with code
 * `worker`; the others go on.
 */
export class Pool extends Predictor {
  private constructor(...parts: ConstructorParameters<typeof Predictor>) {
    super(...parts);
  }

  /** @internal */
  static async load(source: Source, options: PoolOptions): Promise<Pool> {
    const { workers = Math.min(platform().threads, MOST_WORKERS), signal } = checkOptions(options);
    if (!Number.isInteger(workers) || workers < 1 || workers > MOST_WORKERS) {
      throw new Bayes8Error("invalid-option", `workers: an integer from 1 to ${MOST_WORKERS}, not ${shown(workers)}`);
    }
    const limits = checkLimits(options);
    const [engine, bytes] = await Promise.all([loadEngine(options), read(source, options)]);
    // A clone of a part takes the whole buffer along.
    const file = bytes.length < bytes.buffer.byteLength ? new Uint8Array(bytes) : bytes;
    const threads: WorkerThread[] = [];
    try {
      throwIfAborted(signal);
      for (let worker = 0; worker < workers; worker++) threads.push(new WorkerThread());
      const loaded = Promise.all(threads.map((thread) => thread.load(engine.module, file, limits)));
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
