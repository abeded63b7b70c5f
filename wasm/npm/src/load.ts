import { type Engine, type EngineOptions, loadEngine } from "./engine.js";
import { throwIfAborted } from "./error.js";
import type { Limits } from "./options.js";
import { read, type ReadOptions, type Source } from "./source.js";

/** How a model is loaded. */
export interface LoadOptions extends EngineOptions, ReadOptions, Limits {}

/**
 * What a model is loaded from: the engine that `options` ask for and the model's file, fetched side by side.
 * @internal
 */
export async function fetchParts(source: Source, options: LoadOptions): Promise<[Engine, Uint8Array]> {
  const parts = await Promise.all([loadEngine(options), read(source, options)]);
  throwIfAborted(options.signal);
  return parts;
}
