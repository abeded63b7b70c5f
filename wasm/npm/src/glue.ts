/**
 * The part of the wasm module's generated interface that this package relies on. The build wraps the code
 * that wasm-bindgen generates in a function (`#glue`), so that several instances, and both builds of the
 * module, can live in one page.
 */
import { createGlue } from "#glue";
import type { OutputInfo, RawOutput } from "./output.js";
import { platform } from "./platform.js";

/** The description of a model. */
export interface ModelInfo {
  readonly name: string;
  /** `blake3:` and 64 hexadecimal digits that identify the model. `bayes8 inspect` shows the same. */
  readonly digest: string;
  /** Shape of a picture: planes (1 unless it is a volume), rows (1 for a sequence), columns, channels. */
  readonly input: {
    readonly depth: number;
    readonly height: number;
    readonly width: number;
    readonly channels: number;
  };
  /** What the model takes: bytes, or raw numbers such as the features of a table, as `Float32Array`. */
  readonly values: "bytes" | "numbers";
  /** The outputs, at least one. */
  readonly outputs: readonly OutputInfo[];
  /** Classes of the first output; 0 if its head is another. */
  readonly classes: number;
  /** One name per class of the first output; `class N` if the model names none. */
  readonly classNames: readonly string[];
  /** Layers with weights. */
  readonly layers: number;
  /** Layers whose weights or biases have a posterior. */
  readonly bayesianLayers: number;
  /** Members of an ensemble, which samples take in turn; 1 if all samples take the same network. */
  readonly members: number;
  /** The dropout nodes, which are active at prediction, in execution order. */
  readonly dropout: readonly {
    readonly node: string;
    /** The probability that a unit is dropped. */
    readonly probability: number;
    /** What is dropped as a whole: each element, each channel at all positions, or the whole value. */
    readonly kind: "element" | "channel" | "value";
  }[];
  /** Number of weights and biases, of all members. */
  readonly parameters: number;
  /** Per picture and sample. */
  readonly multiplyAccumulates: number;
  /** Bytes of working memory for one picture, as `maxMemoryBytes` counts them. */
  readonly memoryBytes: number;
  /** Steps for one picture and sample, as `maxSteps` counts them. */
  readonly steps: number;
  /** Bytes that the kernels hold for one draw of the weights. */
  readonly weightBytes: number;
  /**
   * Samples of a prediction for which none are given: the number of members for an ensemble in which nothing else
   * varies, and otherwise 32, rounded up to a multiple of the members.
   */
  readonly defaultSamples: number;
  /** Number of draws that the model chose, which predictions without a seed take; absent if it has none. */
  readonly chosenDraws?: number;
  /** Seed of the chosen draws, in decimal. */
  readonly chosenSeed?: string;
  /** A byte p of channel c becomes (p / 255 - mean[c]) / std[c], a number p becomes (p - mean[c]) / std[c]. */
  readonly preprocessing: { readonly mean: readonly number[]; readonly std: readonly number[] };
}

/** The description of a model as the module gives it. */
export type RawInfo = Omit<ModelInfo, "classes" | "classNames" | "outputs"> & { readonly outputs: readonly RawOutput[] };

/** The output of one node of a network for some pictures and one sample. */
export interface NodeTrace {
  /** Name of the node. */
  readonly node: string;
  /** Codes `[pictures][height][width][channels]`; for an output of the model, its numbers as little-endian f32. */
  readonly codes: Uint8Array;
}

/** One prediction under way. */
export interface Batch {
  free(): void;
  readonly pictures: number;
  run(seed: bigint | undefined, first: number, count: number, keepLogits: boolean): void;
  trace(seed: bigint | undefined, sample: number): NodeTrace[];
  sums(picture: number): BigInt64Array;
  logits(picture: number): Float32Array;
}

/** A loaded model. */
export interface LoadedModel {
  free(): void;
  info(): RawInfo;
  fit(rgba: Uint8Array, width: number, height: number): Uint8Array;
  beginBytes(pictures: Uint8Array): Batch;
  beginFloats(pictures: Float32Array): Batch;
}

/** One instance of the wasm module. */
export interface Glue {
  readonly LoadedModel: new (
    file: Uint8Array,
    size: Uint32Array,
    maxMemoryBytes?: number,
    maxSteps?: number,
  ) => LoadedModel;
  kernel(): string;
  figures(head: Float64Array, positions: Uint32Array, conformal: Float64Array, sums: BigInt64Array): object;
  logitsDigest(logits: Float32Array): string;
}

/**
 * A new instance of `module`, with separate memory.
 * @internal
 */
export async function instantiate(module: WebAssembly.Module): Promise<Glue> {
  // Workers have no platform.
  const glue = createGlue(platform()?.TextDecoder);
  await glue.init(module);
  return glue;
}
