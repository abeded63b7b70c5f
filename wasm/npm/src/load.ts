import { type Engine, type EngineOptions, loadEngine } from "./engine.js";
import { throwIfAborted } from "./error.js";
import type { ModelOptions } from "./options.js";
import { read, type ReadOptions, type Source } from "./source.js";

/** Options of `Model.load`. */
export interface LoadOptions extends EngineOptions, ReadOptions, ModelOptions {}

/**
 * The engine that `options` ask for and the bytes of the model file, fetched at the same time.
 * @internal
 */
export async function fetchParts(source: Source, options: LoadOptions): Promise<[Engine, Uint8Array]> {
  const parts = await Promise.all([loadEngine(options), read(source, options)]);
  throwIfAborted(options.signal);
  return parts;
}
