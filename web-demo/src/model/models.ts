/** The shipped models. Each is fetched only once. */
import camvid from "../../../models/camvid-unet.safetensors?url";
import cifar10 from "../../../models/cifar10-resnet20.safetensors?url";
import curveDropout from "../../../models/curve-dropout.safetensors?url";
import curveEnsemble from "../../../models/curve-ensemble.safetensors?url";
import curveGaussian from "../../../models/curve-gaussian.safetensors?url";
import fashion from "../../../models/fashion-resnet14.safetensors?url";
import digits from "../../../models/mnist-cnn.safetensors?url";
import digitsDropout from "../../../models/mnist-dropout.safetensors?url";
import digitsEnsemble from "../../../models/mnist-ensemble.safetensors?url";
import mnist from "../../../models/mnist-scnn.safetensors?url";
import { Bayes8Error, Model, type Pool, type PoolOptions, type Progress } from "bayes8";
import { withMeanWeights } from "./deterministic.js";

/** Of pictures. */
const URLS = {
  "mnist-cnn": digits,
  "mnist-dropout": digitsDropout,
  "mnist-ensemble": digitsEnsemble,
  "mnist-scnn": mnist,
  "fashion-resnet14": fashion,
  "cifar10-resnet20": cifar10,
};

/** Of one number. */
const CURVE_URLS = {
  "curve-gaussian": curveGaussian,
  "curve-dropout": curveDropout,
  "curve-ensemble": curveEnsemble,
};

/** Of a map. */
const SCENE_URLS = { "camvid-unet": camvid };

const ALL_URLS = { ...URLS, ...CURVE_URLS, ...SCENE_URLS };

export type ModelName = keyof typeof URLS;
export type CurveName = keyof typeof CURVE_URLS;
type AnyName = keyof typeof ALL_URLS;
export const MODEL_NAMES = Object.keys(URLS) as ModelName[];

/** Descriptions of the models of pictures, for a list to choose from. */
export const MODEL_LABELS: Readonly<Record<ModelName, string>> = {
  "mnist-cnn": "Digits (mnist-cnn)",
  "mnist-dropout": "Digits, dropout (mnist-dropout)",
  "mnist-ensemble": "Digits, ensemble (mnist-ensemble)",
  "mnist-scnn": "Digits, large (mnist-scnn)",
  "fashion-resnet14": "Clothes (fashion-resnet14)",
  "cifar10-resnet20": "Photos (cifar10-resnet20)",
};

export const isModelName = (name: string): name is ModelName => Object.hasOwn(URLS, name);

const files = new Map<AnyName, Promise<Uint8Array>>();

/** The bytes of a model file. Only the first caller hears of the progress. */
export function modelFile(name: AnyName, onProgress?: (progress: Progress) => void): Promise<Uint8Array> {
  let file = files.get(name);
  if (!file) {
    file = download(ALL_URLS[name], onProgress);
    files.set(name, file);
    file.catch(() => files.delete(name)); // The next call tries again.
  }
  return file;
}

export interface OpenOptions extends Pick<PoolOptions, "workers" | "kernel" | "onProgress"> {
  /** Sets every weight to its mean, which gives the network without uncertainty. */
  readonly meanWeights?: boolean;
}

/** Loads a model into workers, so that the page never waits for it. */
export async function openModel(name: AnyName, { meanWeights, onProgress, ...options }: OpenOptions = {}): Promise<Pool> {
  const file = await modelFile(name, onProgress);
  return Model.pool(meanWeights ? withMeanWeights(file) : file, options);
}

async function download(url: string, onProgress?: (progress: Progress) => void): Promise<Uint8Array> {
  try {
    const response = await fetch(url);
    if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`);
    // The length of the transfer, which differs from the file's if it is compressed.
    const total = response.headers.has("content-encoding") ? 0 : Number(response.headers.get("content-length"));
    let loaded = 0;
    const counted = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(piece, controller) {
          loaded += piece.length;
          onProgress?.(total ? { loaded, total } : { loaded });
          controller.enqueue(piece);
        },
      }),
    );
    return new Uint8Array(await new Response(counted).arrayBuffer());
  } catch (error) {
    throw new Bayes8Error("network", `cannot load ${url}: ${error instanceof Error ? error.message : error}`, error);
  }
}
