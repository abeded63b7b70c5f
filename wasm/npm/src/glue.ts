/**
 * The wasm module's interface, as wasm-bindgen generates it: what this package relies on. The build
 * wraps the generated code into a function (`#glue`), so that several instances, and both builds of
 * the module, can live in one page.
 */
import { createGlue } from "#glue";
import { platform } from "./platform.js";

/** What a model is. */
export interface ModelInfo {
  readonly name: string;
  /** `blake3:` and 64 hexadecimal digits, which no other model has: `bayes8 inspect` shows the same. */
  readonly digest: string;
  /** Pictures in: planes (1, but of a volume), rows (1 for a sequence), columns, channels. */
  readonly input: {
    readonly depth: number;
    readonly height: number;
    readonly width: number;
    readonly channels: number;
  };
  readonly classes: number;
  /** One a class; `class N` where the model names none. */
  readonly classNames: readonly string[];
  readonly layers: number;
  readonly bayesianLayers: number;
  /** Weights and biases. */
  readonly parameters: number;
  /** Of one picture and sample. */
  readonly multiplyAccumulates: number;
  /** Bytes of working memory of one picture, as `maxMemoryBytes` counts them. */
  readonly memoryBytes: number;
  /** Steps of one picture and sample, as `maxSteps` counts them. */
  readonly steps: number;
  /** Bytes of one draw of the weights, as the kernels hold them. */
  readonly weightBytes: number;
  /** A byte p of channel c becomes (p / 255 - mean[c]) / std[c]. */
  readonly preprocessing: { readonly mean: readonly number[]; readonly std: readonly number[] };
}

/** What one node of a network gave for some pictures and one sample. */
export interface NodeTrace {
  /** Its name. */
  readonly node: string;
  /** Its codes, rows, columns and channels of one picture after the other; of the last node f32 logits in little-endian. */
  readonly codes: Uint8Array;
}

/** One prediction under way. */
export interface Batch {
  free(): void;
  readonly pictures: number;
  run(seed: bigint, first: number, count: number, keepLogits: boolean): void;
  trace(seed: bigint, sample: number): NodeTrace[];
  sums(picture: number): BigInt64Array;
  logits(picture: number): Float32Array;
}

/** A loaded model. */
export interface LoadedModel {
  free(): void;
  info(): ModelInfo;
  fit(rgba: Uint8Array, width: number, height: number): Uint8Array;
  beginBytes(pictures: Uint8Array): Batch;
  beginNormalized(pictures: Float32Array): Batch;
}

/** What the sums of all samples say. Entropies are in nats. */
export interface Uncertainty {
  readonly samples: number;
  readonly probabilities: Float64Array;
  readonly std: Float64Array;
  readonly predictiveEntropy: number;
  readonly expectedEntropy: number;
  readonly mutualInformation: number;
}

/** One instance of the wasm module. */
export interface Glue {
  readonly LoadedModel: new (file: Uint8Array, maxMemoryBytes?: number, maxSteps?: number) => LoadedModel;
  kernel(): string;
  uncertainty(sums: BigInt64Array): Uncertainty;
  logitsDigest(logits: Float32Array): string;
}

/**
 * A new instance of `module`, with a memory of its own.
 * @internal
 */
export async function instantiate(module: WebAssembly.Module): Promise<Glue> {
  // Workers have no platform.
  const glue = createGlue(platform()?.TextDecoder);
  await glue.init(module);
  return glue;
}
