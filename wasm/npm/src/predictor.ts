/// <reference lib="esnext.disposable" preserve="true" />
import { Bayes8Error, orAborted, throwIfAborted } from "./error.js";
import type { Engine } from "./engine.js";
import type { ModelInfo, NodeTrace, RawInfo } from "./glue.js";
import { Job } from "./job.js";
import { isBytes, isFloats, shown } from "./kinds.js";
import { checkOptions, parseOptions, parseTrace, type PredictOptions, type Request, type StreamOptions, type TraceOptions } from "./options.js";
import { describe, type RawOutput } from "./output.js";
import { decode, isEncoded, type Picture, snapshot } from "./picture.js";
import type { Pixels } from "./pixels.js";
import { platform } from "./platform.js";
import { Prediction } from "./prediction.js";
import { Scheduler } from "./scheduler.js";
import type { Thread } from "./thread.js";

/** Pictures run together up to about this much work per sample, so that they share the draws of the weights. */
const GROUP_MULTIPLY_ACCUMULATES = 4e8;
const MOST_IN_GROUP = 64;
/** A module does not have memory for more. */
const MOST_LOGITS = 2 ** 29;
/** Normalized numbers beyond this multiple of the brightest pixel cause a warning. */
const FAR = 20;

/** The methods of `Model` and `Pool`. Calls may overlap; their samples take turns. */
export abstract class Predictor {
  // Minifying renames the class itself.
  static readonly name: string = "Predictor";
  /** The description of the model. */
  readonly info: ModelInfo;
  /** Name of the kernels: `simd128` or `relaxed-simd`. */
  readonly kernel: string;
  readonly #outputs: readonly RawOutput[];
  /** How many numbers the outputs of a sample have. */
  readonly #numbers: number;
  readonly #engine: Engine;
  readonly #threads: readonly Thread[];
  readonly #scheduler: Scheduler;
  /** Controllers of the downloads of pictures under way. */
  readonly #reading = new Set<AbortController>();
  #warned = false;

  /** @internal */
  constructor(info: RawInfo, engine: Engine, threads: readonly Thread[]) {
    if (!engine) {
      throw new Bayes8Error("invalid-option", "a model is loaded: await Model.load(source), or Model.pool(source)");
    }
    const outputs = info.outputs.map(describe);
    const classNames = outputs[0]!.head === "classes" ? outputs[0]!.classNames : [];
    this.info = frozen({ ...info, outputs, classes: classNames.length, classNames });
    this.#outputs = info.outputs;
    this.#numbers = info.outputs.reduce((sum, { numbers }) => sum + numbers, 0);
    this.kernel = engine.glue.kernel();
    this.#engine = engine;
    this.#threads = threads;
    this.#scheduler = new Scheduler(threads);
  }

  /** Identifies the model in a record of its predictions. `bayes8 inspect` shows the same. */
  get digest(): string {
    return this.info.digest;
  }

  /** Number of threads that run samples. */
  protected get threads(): number {
    return this.#scheduler.threads;
  }

  /**
   * The prediction for one picture: a pure function of model, picture, draws and samples.
   * The picture is read before this returns.
   */
  async predict(picture: Picture, options: PredictOptions = {}): Promise<Prediction> {
    const [prediction] = await this.predictBatch([picture], options);
    return prediction!;
  }

  /** The predictions for several pictures, in their order. Faster than one by one, with the same bits. */
  async predictBatch(pictures: Iterable<Picture>, options: PredictOptions = {}): Promise<Prediction[]> {
    const request = this.#check("predict", options);
    if (request.keepLogits && request.samples * this.#numbers > MOST_LOGITS) {
      throw new Bayes8Error("invalid-samples", `logits: ${request.samples} samples of ${this.#numbers} numbers are too many to keep; split them by firstSample`);
    }
    const pixels = await this.#allPixels(pictures, options.signal);
    this.#alive();
    const groups = this.#group(pixels);
    const predictions: Prediction[][] = [];
    // One group per thread at a time: each thread begins a different one.
    let next = 0;
    const runGroups = async () => {
      while (next < groups.length) {
        const index = next++;
        predictions[index] = await this.#runGroup(groups[index]!, request, options.signal).catch((error) => {
          next = groups.length; // The first error is the answer: the other threads stop too.
          throw error;
        });
      }
    };
    await Promise.all(Array.from({ length: this.threads }, runGroups));
    return predictions.flat();
  }

  /**
   * Running estimates while samples arrive. Each value is a complete prediction from the samples so far, the
   * last one from all. A slow consumer gets fewer values. Leaving the loop stops the work.
   */
  async *stream(picture: Picture, options: StreamOptions = {}): AsyncGenerator<Prediction, void, void> {
    const request = this.#check("stream", options);
    const pixels = await this.#pixels(picture, options.signal);
    let wake = () => {};
    let failed: { readonly error: unknown } | undefined;
    const job = new Job(pixels, request, () => wake());
    try {
      await platform().nextTask();
      this.#scheduler.run(job, options.signal).catch((error) => {
        failed = { error };
        wake();
      });
      for (let done = 0; done < request.samples; ) {
        // A new promise for each turn: one that lives as long as the stream would remember every turn.
        if (job.done === done && !failed) await new Promise<void>((resolve) => (wake = resolve));
        if (failed) throw failed.error;
        done = job.done;
        yield this.#prediction(job, 0, request);
      }
    } finally {
      this.#scheduler.cancel(job);
      job.end();
    }
  }

  /**
   * The output of every node of the network for one picture and one sample, in the order of the nodes. Use it
   * to find the first node on which two engines differ. Flattened values, and convolutions that end in a
   * residual addition, have no separate codes and are left out.
   */
  trace(picture: Picture, options: TraceOptions = {}): Promise<NodeTrace[]> {
    return this.traceBatch([picture], options);
  }

  /** The output of every node of the network for several pictures that run together, and one sample. */
  async traceBatch(pictures: Iterable<Picture>, options: TraceOptions = {}): Promise<NodeTrace[]> {
    this.#alive();
    const request = parseTrace(checkOptions("trace", options), this.info);
    const pixels = await this.#allPixels(pictures, undefined);
    if (pixels.length === 0) return [];
    if (pixels.some((picture) => picture.constructor !== pixels[0]!.constructor)) {
      throw new Bayes8Error("invalid-input", "pictures that are traced together: all bytes, or all normalized");
    }
    const thread = this.#alive();
    const { id } = new Job(new Uint8Array(), request); // Separate from the predictions under way.
    try {
      await thread.begin(id, concatenate(pixels));
      this.#alive();
      return await thread.trace(id, request.seed, request.first);
    } finally {
      thread.end(id);
    }
  }

  /** Frees the model's memory. Calls under way reject with `disposed`. */
  dispose(): void {
    if (this.#scheduler.failure?.code === "disposed") return;
    this.#scheduler.close(new Bayes8Error("disposed", `the model ${this.info.name} was disposed of`));
    for (const stop of this.#reading) stop.abort();
    for (const thread of this.#threads) thread.close();
  }

  /** Calls `dispose`, so that `using` disposes of the model. */
  declare [Symbol.dispose]: () => void;

  #check(call: "predict" | "stream", options: PredictOptions): Request {
    this.#alive();
    throwIfAborted(checkOptions(call, options).signal);
    return parseOptions(options, this.info);
  }

  /** A running thread; throws if there is none. Call it after each `await`, which may have changed that. */
  #alive(): Thread {
    if (this.#scheduler.failure) throw this.#scheduler.failure;
    return this.#threads.find(({ failure }) => !failure)!;
  }

  /** The picture in the model's shape. It is copied at once; files are read later. */
  async #pixels(picture: Picture, signal: AbortSignal | undefined): Promise<Pixels> {
    const { depth, height, width, channels } = this.info.input;
    const expected = depth * height * width * channels;
    const takesNumbers = this.info.values === "numbers";
    if (takesNumbers && !isFloats(picture)) {
      throw new Bayes8Error("invalid-input", `the model takes numbers: ${expected} of them in a Float32Array`);
    }
    const stop = new AbortController();
    this.#reading.add(stop);
    let pixels;
    try {
      const taken = snapshot(picture, stop.signal);
      pixels = "then" in taken ? await orAborted(taken, signal) : taken;
    } catch (error) {
      this.#alive(); // Throws instead if the model was disposed of meanwhile.
      throw error;
    } finally {
      stop.abort(); // Nobody waits for the rest.
      this.#reading.delete(stop);
    }
    if (isBytes(pixels) && isEncoded(pixels)) {
      pixels = await decode(new Blob([pixels as Uint8Array<ArrayBuffer>]));
    }
    if (!ArrayBuffer.isView(pixels)) return this.#alive().fit(pixels);
    if (pixels.length !== expected) {
      const planes = depth === 1 ? ["", ""] : [`${depth} x `, "planes, "];
      const shape = `${planes[0]}${height} x ${width} x ${channels}`;
      const advice = takesNumbers ? "" : "; pictures of other sizes go in as ImageData, files as a Blob";
      throw new Bayes8Error(
        "invalid-input",
        `a picture has ${expected} values (${shape}: ${planes[1]}rows, columns, channels), not ${pixels.length}${advice}`,
      );
    }
    if (isFloats(pixels) && !takesNumbers) this.#warnOfRange(pixels);
    return pixels;
  }

  /** Warns, once, about numbers that normalization cannot give: most likely pixels that nobody normalized. */
  #warnOfRange(pixels: Float32Array): void {
    if (this.#warned) return;
    const { mean, std } = this.info.preprocessing;
    for (let index = 0; index < pixels.length; index++) {
      const channel = index % mean.length;
      // In 0 to 1 if the number was normalized.
      const pixel = pixels[index]! * std[channel]! + mean[channel]!;
      // NaN is left to the module, which refuses it.
      if (!(Math.abs(pixel) > FAR)) continue;
      this.#warned = true;
      console.warn(
        `bayes8: a value of ${pixels[index]} is far outside what normalized pixels have; a Float32Array holds numbers that info.preprocessing has normalized, bytes go in as Uint8Array`,
      );
      return;
    }
  }

  #allPixels(pictures: Iterable<Picture>, signal: AbortSignal | undefined): Promise<Pixels[]> {
    if (typeof pictures === "string" || ArrayBuffer.isView(pictures)) {
      throw new Bayes8Error("invalid-input", "pictures: an array of pictures, not one picture: give [picture]");
    }
    if (typeof pictures?.[Symbol.iterator] !== "function") {
      throw new Bayes8Error("invalid-input", `pictures: an array or another iterable, not ${shown(pictures)}`);
    }
    const one = (picture: Picture) => {
      const pixels = this.#pixels(picture, signal);
      pixels.catch(() => {}); // The iterable may throw before anybody waits for it.
      return pixels;
    };
    return Promise.all(Array.from(pictures, one));
  }

  /** Groups neighbours of one type. */
  #group(pictures: readonly Pixels[]): Pixels[][] {
    const fitting = Math.floor(GROUP_MULTIPLY_ACCUMULATES / this.info.multiplyAccumulates);
    const most = Math.max(1, Math.min(fitting, MOST_IN_GROUP));
    const groups: Pixels[][] = [];
    for (const picture of pictures) {
      const last = groups.at(-1);
      if (last && last.length < most && last[0]!.constructor === picture.constructor) last.push(picture);
      else groups.push([picture]);
    }
    return groups;
  }

  async #runGroup(group: Pixels[], request: Request, signal: AbortSignal | undefined): Promise<Prediction[]> {
    const job = new Job(concatenate(group), request);
    try {
      // Let the caller's task finish before the first samples run.
      await platform().nextTask();
      await this.#scheduler.run(job, signal);
      const predictions = group.map((_, index) => this.#prediction(job, index, request));
      if (request.keepLogits) {
        const logits = await job.logits(group.length, this.#numbers);
        predictions.forEach((prediction, index) =>
          Prediction.withLogits(prediction, logits[index]!, this.#engine.glue),
        );
      }
      return predictions;
    } finally {
      job.end();
    }
  }

  #prediction(job: Job, picture: number, { seed, first }: Request): Prediction {
    const draws = seed === undefined ? "chosen" : "random";
    const ofDraws = seed ?? BigInt(this.info.chosenSeed!);
    return new Prediction(job.sums(picture), this.#engine.glue, this.#outputs, this.digest, draws, ofDraws, first);
  }
}

/** `value`, frozen with all its parts. */
function frozen<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === "object") frozen(part as object);
  return Object.freeze(value);
}

// Older browsers have no such symbol.
if (Symbol.dispose) Predictor.prototype[Symbol.dispose] = Predictor.prototype.dispose;

function concatenate(group: Pixels[]): Pixels {
  const [first] = group as [Pixels, ...Pixels[]];
  if (group.length === 1) return first;
  const length = first.length * group.length;
  const all = isFloats(first) ? new Float32Array(length) : new Uint8Array(length);
  group.forEach((picture, index) => all.set(picture, index * first.length));
  return all;
}
