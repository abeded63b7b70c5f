import { Bayes8Error, orAborted } from "./error.js";
import { detect } from "./features.js";
import { type Glue, instantiate } from "./glue.js";
import { kindOf } from "./kinds.js";
import { invalid } from "./options.js";
import { type Kernel, platform } from "./platform.js";
import { relaxedDot } from "./probe.js";
import { nameOf, read, type ReadOptions, type Source } from "./source.js";

/** A `WebAssembly.Module`, for code that compiles without the types of a page. */
export interface CompiledModule {}

export interface EngineOptions {
  /** Default: `relaxed` where the engine's relaxed dot product is right and fast. */
  readonly kernel?: Kernel | undefined;
  /**
   * The wasm module from elsewhere: a URL (in Node a path too), its bytes, or the compiled module that edge
   * runtimes provide.
   */
  readonly wasm?: string | URL | ArrayBuffer | Uint8Array | CompiledModule | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds without a byte after which the download of the model or the module is given up. */
  readonly timeout?: number | undefined;
}

/**
 * A compiled module, and its instance in this thread.
 * @internal
 */
export interface Engine {
  readonly module: WebAssembly.Module;
  readonly glue: Glue;
  /** Set once the instance has trapped: its memory can no longer be trusted. */
  trap?: Bayes8Error;
}

// One instance per thread for all models of a build, so that a model reuses memory that another freed.
const engines = new Map<unknown, Promise<Engine>>();

/**
 * The engine that `options` ask for, fetched and compiled once.
 * @internal
 */
export async function loadEngine({ kernel, wasm, signal, timeout }: EngineOptions): Promise<Engine> {
  if (kernel !== undefined && kernel !== "baseline" && kernel !== "relaxed") {
    throw invalid("kernel", '"baseline" or "relaxed"', kernel);
  }
  const build = wasm === undefined ? await choose(kernel) : undefined;
  // Addresses are keyed by their text; bytes are compiled for each model.
  const key = build ?? (kindOf(wasm) === "URL" ? String(wasm) : wasm);
  if (typeof key !== "string" && !isModule(key)) return checked(await compile(key as Source, { signal, timeout }), kernel);
  let engine = engines.get(key);
  if (!engine || (await orAborted(engine, signal)).trap) {
    engine = isModule(key) ? start(key as WebAssembly.Module) : build ? startOwn(build, { timeout }) : compile(key as Source, { timeout });
    engines.set(key, engine);
    engine.catch(() => engines.delete(key)); // The next call tries again.
  }
  return checked(await orAborted(engine, signal), kernel);
}

/** `engine`, if its kernel is the one that was asked for. */
function checked(engine: Engine, kernel: Kernel | undefined): Engine {
  const found = engine.glue.kernel() === "relaxed-simd" ? "relaxed" : "baseline";
  if (kernel !== undefined && kernel !== found) {
    throw new Bayes8Error("invalid-option", `kernel is "${kernel}", but the module that wasm names is "${found}"`);
  }
  return engine;
}

// Not a type guard: the type of a module is empty, so any object has it.
const isModule = (value: unknown): boolean => kindOf(value) === "WebAssembly.Module";

async function choose(kernel: Kernel | undefined): Promise<Kernel> {
  const { simd128, relaxedSimd } = detect();
  if (!simd128) {
    throw new Bayes8Error(
      "unsupported",
      "this runtime has no WebAssembly SIMD: Chrome 96, Firefox 114, Safari 16.4 and Node 20 have it",
    );
  }
  if (kernel === undefined) {
    const faster = relaxedSimd && (await relaxedDot().then(({ faster }) => faster, () => false));
    return faster ? "relaxed" : "baseline";
  }
  if (kernel === "relaxed") {
    if (!relaxedSimd) throw noRelaxed("has no relaxed SIMD");
    await requireExact();
  }
  return kernel;
}

async function requireExact(): Promise<void> {
  const { exact } = await relaxedDot().catch((error: Error) => {
    throw noRelaxed(`cannot be asked about relaxed dot products (${error.message})`);
  });
  if (!exact) throw noRelaxed("computes relaxed dot products wrongly");
}

const noRelaxed = (why: string) =>
  new Bayes8Error("unsupported", `this runtime ${why}; kernel "baseline", or bayes8.wasm for the option wasm, runs here`);

const startOwn = async (kernel: Kernel, options: ReadOptions): Promise<Engine> =>
  compile(await platform().module(kernel), options);

async function compile(source: Source, options: ReadOptions): Promise<Engine> {
  const bytes = await read(source, options, "wasm").catch((error: Bayes8Error) => {
    // A bundler may not have copied the file to where it is looked for.
    const advice = error.code === "network" ? "; the option wasm says where bayes8.wasm is" : "";
    throw new Bayes8Error(error.code, error.message + advice, error);
  });
  let module: WebAssembly.Module;
  try {
    module = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  } catch (error) {
    const why = (error as Error).message;
    throw new Bayes8Error(
      "unsupported",
      `wasm: ${nameOf(source)} is not a module that this runtime compiles: ${why}`,
      error,
    );
  }
  return start(module);
}

async function start(module: WebAssembly.Module): Promise<Engine> {
  let glue: Glue;
  try {
    glue = await instantiate(module);
  } catch (error) {
    throw new Bayes8Error("unsupported", "wasm: not a module of this version of bayes8", error);
  }
  if (glue.kernel() === "relaxed-simd") await requireExact();
  return { module, glue };
}
