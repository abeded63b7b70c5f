/** Runs the network of street scenes. A sample takes longer than a frame of the page, and so do the figures of a map. */
import { Bayes8Error, type Bayes8ErrorCode, Model, type Prediction } from "bayes8";
import type { SceneMap } from "./map.js";

export type SceneRequest =
  | { readonly kind: "load"; readonly file: Uint8Array }
  | ({ readonly kind: "predict"; readonly id: number } & SceneInput)
  | { readonly kind: "stop" };

export interface SceneInput {
  readonly picture: ImageData;
  readonly samples: number;
  /** Whether to give maps while samples arrive, and not only the last one. */
  readonly refine: boolean;
}

export type SceneMessage =
  | { readonly kind: "loaded" }
  | { readonly kind: "map"; readonly id: number; readonly map: SceneMap }
  | { readonly kind: "end"; readonly id: number }
  | { readonly kind: "error"; readonly code: Bayes8ErrorCode; readonly message: string };

const SEED = 0n;
/** Pause after a map. Its figures take as long as a sample, so a map of every sample would halve the pace. */
const PAUSE_MILLISECONDS = 250;

const post = (message: SceneMessage, transfer: Transferable[] = []) => postMessage(message, { transfer });

let model: Model | undefined;
/** Stops the prediction under way. */
let running = new AbortController();

onmessage = ({ data }: MessageEvent<SceneRequest>) => {
  handle(data).catch((error: unknown) => {
    const { code, message } = error instanceof Bayes8Error ? error : new Bayes8Error("internal", String(error));
    post({ kind: "error", code, message });
  });
};

async function handle(request: SceneRequest): Promise<void> {
  running.abort();
  if (request.kind === "load") {
    model = await Model.load(request.file);
    post({ kind: "loaded" });
  }
  if (request.kind !== "predict") return;
  running = new AbortController();
  const { signal } = running;
  try {
    for await (const prediction of predictions(request, signal)) {
      if (signal.aborted) return;
      send(request.id, prediction);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (!signal.aborted) post({ kind: "end", id: request.id });
}

async function* predictions({ picture, samples, refine }: SceneInput, signal: AbortSignal): AsyncGenerator<Prediction> {
  const options = { samples, seed: SEED, signal };
  if (!refine) return yield await model!.predict(picture, options);
  for await (const prediction of model!.stream(picture, options)) {
    yield prediction;
    // Samples arrive meanwhile.
    if (prediction.samples < samples) await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
  }
}

function send(id: number, { samples, outputs }: Prediction): void {
  const [output] = Object.values(outputs);
  if (output?.head !== "classes" || !output.positions) throw new Bayes8Error("invalid-model", "not a map of classes");
  const { classes, probabilities, predictiveEntropy, expectedEntropy, mutualInformation } = output;
  const count = probabilities.length / classes.length;
  const largest = Math.log(count);
  const share = (entropies: Float32Array) => entropies.map((entropy) => entropy / largest);
  const probability = Float32Array.from(classes, (index, position) => probabilities[position * count + index]!);
  const doubt = { total: share(predictiveEntropy), ambiguity: share(expectedEntropy), unfamiliarity: share(mutualInformation) };
  const transfer = [classes, probability, ...Object.values(doubt)].map(({ buffer }) => buffer as ArrayBuffer);
  post({ kind: "map", id, map: { samples, classes, probability, doubt } }, transfer);
}
