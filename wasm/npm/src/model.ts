import { fetchParts, type LoadOptions } from "./load.js";
import { checkOptions, modelOptions } from "./options.js";
import { Pool, type PoolOptions } from "./pool.js";
import { Predictor } from "./predictor.js";
import { Runner } from "./runner.js";
import { type Source, withName } from "./source.js";
import { LocalThread } from "./thread.js";

/** A model in this thread. Samples run in chunks of about 20 ms, between which other tasks run. */
export class Model extends Predictor {
  // Minifying renames the class itself.
  static override readonly name = "Model";

  private constructor(...parts: ConstructorParameters<typeof Predictor>) {
    super(...parts);
  }

  /**
   * Loads a model.
   *
   * @throws {Bayes8Error} `invalid-model`, `network`, `unsupported`, `aborted`, `invalid-option`.
   */
  static async load(source: Source, options: LoadOptions = {}): Promise<Model> {
    const settings = modelOptions(checkOptions("load", options));
    const [engine, file] = await fetchParts(source, options);
    try {
      const runner = new Runner(engine.glue, file, settings);
      return new Model(runner.info(), engine, [new LocalThread(runner, engine)]);
    } catch (error) {
      throw withName(source, error);
    }
  }

  /**
   * Loads a model into several workers, which share the samples of each prediction. The bits are the same;
   * predictions are faster, and nothing runs in this thread.
   *
   * @throws {Bayes8Error} the codes of `load`, and `worker`.
   */
  static pool(source: Source, options: PoolOptions = {}): Promise<Pool> {
    return Pool.load(source, options);
  }
}
