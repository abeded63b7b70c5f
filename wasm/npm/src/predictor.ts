/// <reference lib="esnext.disposable" preserve="true" />
import { Bayes8Error, orAborted, throwIfAborted } from "./error.js";
import type { Engine } from "./engine.js";
import type { ModelInfo, NodeTrace } from "./glue.js";
import { Job } from "./job.js";
import { isBytes, isFloats, shown } from "./kinds.js";
import { checkOptions, MAX_SAMPLES, parseOptions, type PredictOptions, type Request, type StreamOptions, type TraceOptions } from "./options.js";
import { decode, isEncoded, type Picture, snapshot } from "./picture.js";
import type { Pixels } from "./pixels.js";
import { platform } from "./platform.js";
import { Prediction } from "./prediction.js";
import { Scheduler } from "./scheduler.js";
import type { Thread } from "./thread.js";

/** Pictures that run together, so that weights are drawn once for all: about this much work a sample. */
const GROUP_MULTIPLY_ACCUMULATES = 4e8;
const MOST_IN_GROUP = 64;
/** No module has memory for more. */
const MOST_LOGITS = 2 ** 29;
/** Warn about a normalized number that stands for more than this many times the brightest pixel. */
const FAR = 20;

/** What a `Model` and a `Pool` have in common. Calls may overlap; their samples take turns. */
export abstract class Predictor {
  // Minified, the class itself would have another name.
  static readonly name: string = "Predictor";
  /** What the model is. */
  readonly info: ModelInfo;
  /** The kernels that run: `simd128` or `relaxed-simd`. */
  readonly kernel: string;
  readonly #engine: Engine;
  readonly #threads: readonly Thread[];
  readonly #scheduler: Scheduler;
  /** What ends the downloads of pictures. */
  readonly #reading = new Set<AbortController>();
  #warned = false;

  /** @internal */
  constructor(info: ModelInfo, engine: Engine, threads: readonly Thread[]) {
    if (!engine) {
      throw new Bayes8Error("invalid-option", "a model is loaded: await Model.load(source), or Model.pool(source)");
    }
    this.info = frozen(info);
    this.kernel = engine.glue.kernel();
    this.#engine = engine;
    this.#threads = threads;
    this.#scheduler = new Scheduler(threads);
  }

  /** What names the model in a record of its predictions: `bayes8 inspect` shows the same. */
  get digest(): string {
    return this.info.digest;
  }

  /** Threads that run samples. */
  protected get threads(): number {
    return this.#scheduler.threads;
  }

  /**
   * The prediction for one picture: a pure function of model, picture, seed and samples.
   * The picture is read before this returns.
   */
  async predict(picture: Picture, options: PredictOptions = {}): Promise<Prediction> {
    const [prediction] = await this.predictBatch([picture], options);
    return prediction!;
  }

  /** The predictions for several pictures, in their order: the same bits as one by one, faster. */
  async predictBatch(pictures: Iterable<Picture>, options: PredictOptions = {}): Promise<Prediction[]> {
    const request = this.#check("predict", options);
    if (request.keepLogits && request.samples * this.info.classes > MOST_LOGITS) {
      throw new Bayes8Error("invalid-samples", `logits: ${request.samples} samples of ${this.info.classes} classes are too many to keep; split them by firstSample`);
    }
    const pixels = await this.#allPixels(pictures, options.signal);
    this.#alive();
    const groups = this.#group(pixels);
    const predictions: Prediction[][] = [];
    // As many groups at once as there are threads: each thread begins its own.
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
   * The estimate while samples arrive: each value is a whole prediction of the samples so far, the last
   * one of all. A consumer that is slower than the samples gets fewer values; one that leaves the loop
   * stops the work.
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
        // A promise a turn: one that lives as long as the stream would remember every turn.
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
   * What every node of the network gives for one picture and one sample, in the order of the nodes: to
   * find the first one on which two engines differ. A flattened value, or a convolution that ends in a
   * residual addition, has no codes of its own and is left out.
   */
  trace(picture: Picture, options: TraceOptions = {}): Promise<NodeTrace[]> {
    return this.traceBatch([picture], options);
  }

  /** The same for several pictures that run together. */
  async traceBatch(pictures: Iterable<Picture>, options: TraceOptions = {}): Promise<NodeTrace[]> {
    const { seed, sample = 0 } = checkOptions("trace", options);
    if (!Number.isInteger(sample) || sample < 0 || sample >= MAX_SAMPLES) {
      throw new Bayes8Error("invalid-samples", `sample: an integer from 0 to 2^28 - 1, not ${shown(sample)}`);
    }
    const request = this.#check("predict", { seed, firstSample: sample, samples: 1 });
    const pixels = await this.#allPixels(pictures, undefined);
    if (pixels.length === 0) return [];
    if (pixels.some((picture) => picture.constructor !== pixels[0]!.constructor)) {
      throw new Bayes8Error("invalid-input", "pictures that are traced together: all bytes, or all normalized");
    }
    const thread = this.#alive();
    const { id } = new Job(new Uint8Array(), request); // Of its own, beside what is under way.
    try {
      await thread.begin(id, concatenate(pixels));
      this.#alive();
      return await thread.trace(id, request.seed, sample);
    } finally {
      thread.end(id);
    }
  }

  /** Frees the model's memory; what is under way rejects with `disposed`. */
  dispose(): void {
    if (this.#scheduler.failure?.code === "disposed") return;
    this.#scheduler.close(new Bayes8Error("disposed", `the model ${this.info.name} was disposed of`));
    for (const stop of this.#reading) stop.abort();
    for (const thread of this.#threads) thread.close();
  }

  /** The same, for `using`. */
  declare [Symbol.dispose]: () => void;

  #check(call: "predict" | "stream", options: PredictOptions): Request {
    this.#alive();
    throwIfAborted(checkOptions(call, options).signal);
    return parseOptions(options);
  }

  /** A thread that works; throws where nothing runs any more, which any `await` may have changed. */
  #alive(): Thread {
    if (this.#scheduler.failure) throw this.#scheduler.failure;
    return this.#threads.find(({ failure }) => !failure)!;
  }

  /** The picture in the model's shape; read at once, whatever comes later. */
  async #pixels(picture: Picture, signal: AbortSignal | undefined): Promise<Pixels> {
    const stop = new AbortController();
    this.#reading.add(stop);
    let pixels;
    try {
      const taken = snapshot(picture, stop.signal);
      pixels = "then" in taken ? await orAborted(taken, signal) : taken;
    } catch (error) {
      this.#alive(); // Or else it was disposed of meanwhile.
      throw error;
    } finally {
      stop.abort(); // Nobody waits for the rest.
      this.#reading.delete(stop);
    }
    const { depth, height, width, channels } = this.info.input;
    const expected = depth * height * width * channels;
    if (isBytes(pixels) && isEncoded(pixels)) {
      pixels = await decode(new Blob([pixels as Uint8Array<ArrayBuffer>]));
    }
    if (!ArrayBuffer.isView(pixels)) return this.#alive().fit(pixels);
    if (pixels.length !== expected) {
      const planes = depth === 1 ? ["", ""] : [`${depth} x `, "planes, "];
      const shape = `${planes[0]}${height} x ${width} x ${channels}`;
      throw new Bayes8Error(
        "invalid-input",
        `a picture has ${expected} values (${shape}: ${planes[1]}rows, columns, channels), not ${pixels.length}; pictures of other sizes go in as ImageData, files as a Blob`,
      );
    }
    if (isFloats(pixels)) this.#warnOfRange(pixels);
    return pixels;
  }

  /** Numbers that no normalization of pixels gives are mostly pixels that nobody normalized. Says so once. */
  #warnOfRange(pixels: Float32Array): void {
    if (this.#warned) return;
    const { mean, std } = this.info.preprocessing;
    for (let index = 0; index < pixels.length; index++) {
      const channel = index % mean.length;
      // What a picture has lies in 0 to 1.
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

  /** Neighbours of one type together. */
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
      // What the caller's task does next comes before the first samples.
      await platform().nextTask();
      await this.#scheduler.run(job, signal);
      const predictions = group.map((_, index) => this.#prediction(job, index, request));
      if (request.keepLogits) {
        const logits = await job.logits(group.length, this.info.classes);
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
    return new Prediction(job.sums(picture), this.#engine.glue, this.info, seed, first);
  }
}

/** `value`, which nobody can change any more. */
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
