// The code of a page, which uses all of the API as its users do.
import {
  Bayes8Error,
  Model,
  classColour,
  detect,
  paint,
  supports,
  type Colour,
  type Draws,
  type OutputInfo,
  type OutputPrediction,
  type PaintedMap,
  type Pool,
  type Positions,
  type Prediction,
} from "bayes8";

declare const canvas: HTMLCanvasElement;
declare const offscreen: OffscreenCanvas;
declare const image: HTMLImageElement;
declare const video: HTMLVideoElement;
declare const bitmap: ImageBitmap;
declare const pixels: ImageData;
declare const file: File;
declare function draw(prediction: Prediction): void;

export async function page(signal: AbortSignal): Promise<void> {
  const model = await Model.load("model.safetensors", {
    onProgress: ({ loaded, total }) => console.log(loaded / (total ?? loaded)),
    signal,
    kernel: "baseline",
    wasm: new URL("bayes8.wasm", location.href),
  });
  for (const picture of [canvas, offscreen, image, video, bitmap, pixels]) {
    const p: Prediction = await model.predict(picture, { samples: 32, seed: 7n, firstSample: 0, logits: true, signal });
    const numbers: number[] = [p.predictiveEntropy, p.mutualInformation, p.expectedEntropy, p.samples, ...p.probabilities, ...p.std];
    const best: { class: number; name: string; probability: number; std: number; standardError?: number }[] = p.top(3);
    const errors: number[] | undefined = p.standardErrors && [p.standardErrors.predictiveEntropy, ...p.standardErrors.probabilities];
    const logits: Float32Array | undefined = p.logits;
    const digest: string | undefined = p.logitsDigest;
    console.log(numbers, best, errors, logits, digest);
  }
  for (const source of [await fetch("m"), file, new ArrayBuffer(1), new Uint8Array(1), new URL("a:b")]) {
    await Model.load(source);
  }
  await model.predictBatch([new Uint8Array(1), new Uint8ClampedArray(1), new Float32Array(1), pixels], { seed: 7 });
  for await (const partial of model.stream(canvas, { samples: 256, signal })) draw(partial);
  const list: [number | undefined, string | undefined] = [model.info.chosenDraws, model.info.chosenSeed];
  const draws: Draws = (await model.predict(canvas, list[0] ? { draws: "chosen" } : { draws: "random", seed: 1 })).draws;
  console.log(draws, list, await model.trace(canvas, { draws, sample: 1 }));
  const pool: Pool = await Model.pool("m", { workers: navigator.hardwareConcurrency });
  const workers: number = pool.workers;
  const { depth, height, width, channels } = pool.info.input;
  console.log(workers, depth, height, width, channels, pool.kernel, detect().relaxedSimd, supports());
  pool.dispose();
  model[Symbol.dispose]();
}

/** The head of an output, and whether it is a map, decide which figures it has. */
export function sentence(output: OutputPrediction): string {
  if (output.positions) return map(output);
  switch (output.head) {
    case "classes": {
      const nats: number = output.mutualInformation;
      return `${nats} of ${output.probabilities.length}`;
    }
    case "labels": {
      const nats: Float64Array = output.mutualInformation;
      const errors: Float64Array | undefined = output.standardErrors?.mutualInformation;
      return `${nats} ${output.std} ${errors}`;
    }
    case "gaussian": {
      const figures: Float64Array[] = [output.mean, output.std, output.aleatoricStd, output.epistemicStd];
      const error: Float64Array | undefined = output.standardErrors?.mean;
      if (error) figures.push(error);
      // @ts-expect-error A regression has no probabilities.
      return `${figures} ${output.probabilities}`;
    }
    default:
      return output satisfies never;
  }
}

function map(output: Extract<OutputPrediction, { positions: Positions }>): string {
  const [planes, rows, columns] = output.positions;
  switch (output.head) {
    case "classes": {
      const figures: [Uint16Array, Float32Array] = [output.classes, output.mutualInformation];
      const colour: Colour = classColour(1);
      const { data, width, height }: PaintedMap = paint(output, { palette: [colour, [0, 0, 255]] });
      return `${figures} ${planes} ${rows} ${columns} ${new ImageData(data, width, height)}`;
    }
    case "labels": {
      const nats: Float32Array = output.mutualInformation;
      // @ts-expect-error Labels are independent: none is the most probable one.
      return `${nats} ${output.classes}`;
    }
    case "gaussian": {
      const figures: Float64Array[] = [output.mean, output.std, output.aleatoricStd, output.epistemicStd];
      return `${figures}`;
    }
    default:
      return output satisfies never;
  }
}

export function names(output: OutputInfo): readonly string[] {
  switch (output.head) {
    case "classes":
      return output.classNames;
    case "labels":
      return [...output.labelNames, ...output.outcomes];
    case "gaussian":
      return output.targets.map(({ name, unit, scale, offset, noise }) => `${name} ${unit} ${scale + offset + noise} ${output.variance}`);
    default:
      return output satisfies never;
  }
}

export async function table(model: Model, features: Float32Array): Promise<void> {
  const kind: "bytes" | "numbers" = model.info.values;
  const prediction = await model.predict(features);
  for (const output of Object.values(prediction.outputs)) console.log(kind, sentence(output), model.info.outputs.map(names));
  console.log(prediction.top(1, "kind"));
  const json = prediction.toJSON();
  if ("outputs" in json) console.log(Object.values(json.outputs).map(({ head }) => head));
  else console.log(json.top, json.predictive_entropy);
}

export function explain(error: unknown): string {
  if (!(error instanceof Bayes8Error)) return "?";
  switch (error.code) {
    case "aborted":
    case "disposed":
      return "";
    case "invalid-model":
    case "invalid-input":
    case "invalid-samples":
    case "invalid-option":
    case "network":
    case "unsupported":
    case "worker":
    case "internal":
      return error.message;
    default:
      // All documented codes are above.
      return error.code satisfies never;
  }
}

export async function refused(model: Model): Promise<void> {
  // @ts-expect-error An array of numbers is not a picture.
  await model.predict([1, 2, 3]);
  // @ts-expect-error Models are loaded, never constructed.
  new Model();
  // @ts-expect-error There is no such kernel.
  await Model.load("m", { kernel: "fast" });
  // @ts-expect-error Predictions are read-only.
  (await model.predict(pixels)).predictiveEntropy = 1;
  // @ts-expect-error Which figures an output has is known by its head.
  (await model.predict(pixels)).outputs.kind.mean;
}
