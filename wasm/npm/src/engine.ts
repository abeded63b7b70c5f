import { Bayes8Error, orAborted, shown } from "./error.js";
import { detect } from "./features.js";
import { type Glue, instantiate } from "./glue.js";
import { relaxedDot } from "./probe.js";
import { nameOf, read, type Source } from "./source.js";

/** Which build of the wasm module: both give the same bits. */
export type Kernel = "baseline" | "relaxed";

export interface EngineOptions {
  /** Default: `relaxed` where the engine's relaxed dot product is right and fast. */
  readonly kernel?: Kernel | undefined;
  /** The wasm module from elsewhere: a URL (in Node a path too) or its bytes. */
  readonly wasm?: string | URL | ArrayBuffer | Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A compiled module, and its instance in this thread.
 * @internal
 */
export interface Engine {
  readonly module: WebAssembly.Module;
  readonly glue: Glue;
  /** Set once the instance has trapped: its memory is not to be trusted. */
  trap?: Bayes8Error;
}

// One instance a thread for all models of a build: memory that one frees serves the next.
const engines = new Map<string, Promise<Engine>>();

/**
 * The engine that `options` ask for, fetched and compiled once.
 * @internal
 */
export async function loadEngine({ kernel, wasm, signal }: EngineOptions): Promise<Engine> {
  const source = wasm ?? addressOf(await choose(kernel));
  if (typeof source !== "string" && !(source instanceof URL)) return compile(source);
  const key = String(source);
  let engine = engines.get(key);
  if (!engine || (await orAborted(engine, signal)).trap) {
    engine = compile(source);
    engines.set(key, engine);
    engine.catch(() => engines.delete(key)); // The next call tries again.
  }
  return orAborted(engine, signal);
}

async function choose(kernel: Kernel | undefined): Promise<Kernel> {
  const { simd128, relaxedSimd } = detect();
  if (!simd128) {
    throw new Bayes8Error(
      "unsupported",
      "this runtime has no WebAssembly SIMD: Chrome 96, Firefox 114, Safari 16.4 or Node 20 have it",
    );
  }
  if (kernel === undefined) {
    const faster = relaxedSimd && (await relaxedDot().then(({ faster }) => faster, () => false));
    return faster ? "relaxed" : "baseline";
  }
  if (kernel !== "baseline" && kernel !== "relaxed") {
    throw new Bayes8Error("invalid-option", `kernel: "baseline" or "relaxed", not ${shown(kernel)}`);
  }
  if (kernel === "relaxed") {
    if (!relaxedSimd) throw noRelaxed("has no relaxed SIMD");
    await requireExact();
  }
  return kernel;
}

async function requireExact(): Promise<void> {
  if (!(await relaxedDot()).exact) throw noRelaxed("computes relaxed dot products wrongly");
}

const noRelaxed = (why: string) =>
  new Bayes8Error("unsupported", `this runtime ${why}; kernel "baseline" runs here`);

function addressOf(kernel: Kernel): URL {
  // Two whole expressions: bundlers know this form, and copy the files.
  return kernel === "relaxed"
    ? new URL("../wasm/bayes8-relaxed.wasm", import.meta.url)
    : new URL("../wasm/bayes8.wasm", import.meta.url);
}

async function compile(source: Source): Promise<Engine> {
  const bytes = await read(source, {});
  let engine: Engine;
  try {
    const module = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
    engine = { module, glue: await instantiate(module) };
  } catch (error) {
    const why = (error as Error).message;
    throw new Bayes8Error("unsupported", `${nameOf(source)} is no module that this runtime compiles: ${why}`, error);
  }
  if (engine.glue.kernel() === "relaxed-simd") await requireExact();
  return engine;
}
