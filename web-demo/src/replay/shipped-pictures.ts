/** The pictures that ship with the repository, and the digests of the native command line for them. */
import native from "../../../wasm/npm/tests/fixtures/native.json";
import type { Picture } from "bayes8";
import { pixelsOf, toImageData } from "../lib/pixels.js";
import type { Replay, ReplayPicture } from "./link.js";

const URLS = Object.fromEntries(
  Object.entries(
    import.meta.glob<string>("../../../models/pictures/*.png", { query: "?url", import: "default", eager: true }),
  ).map(([path, url]) => [path.split("/").at(-1)!, url]),
);

export const PICTURE_NAMES = Object.keys(URLS);

/** The picture in a form that `Pool.predict` takes; undefined if its name is unknown. */
export async function load(picture: ReplayPicture): Promise<Picture | undefined> {
  if ("bytes" in picture) return picture.bytes;
  const url = URLS[picture.name];
  return url ? pixelsOf(url) : undefined;
}

/** Digest of the prediction by the native command line, if it was recorded. */
export function nativeDigest({ model, picture, seed, samples }: Replay): string | undefined {
  if (!("name" in picture) || seed !== BigInt(native.seed) || samples !== native.samples) return undefined;
  return native.predictions.find((line) => line.model === model && line.picture === picture.name)?.logitsDigest;
}

/** Side of the square picture that these bytes are, in gray or colour; undefined if they are not a square. */
export function sideOf(bytes: Uint8Array): number | undefined {
  return [1, 3].map((channels) => Math.sqrt(bytes.length / channels)).find(Number.isInteger);
}

/** Shows the picture on a canvas. */
export async function show(canvas: HTMLCanvasElement, picture: ReplayPicture): Promise<void> {
  const side = "bytes" in picture ? sideOf(picture.bytes) : undefined;
  const pixels = "bytes" in picture ? side && toImageData(picture.bytes, side) : await load(picture);
  if (!(pixels instanceof ImageData)) return;
  canvas.width = pixels.width;
  canvas.height = pixels.height;
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
}
