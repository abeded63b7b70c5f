/** The pictures that ship with the repository, and what the native command line predicted for them. */
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

/** As `Pool.predict` takes it; nothing where there is no picture of that name. */
export async function load(picture: ReplayPicture): Promise<Picture | undefined> {
  if ("bytes" in picture) return picture.bytes;
  const url = URLS[picture.name];
  return url ? pixelsOf(url) : undefined;
}

/** Digest of the same prediction by the native command line, where it was recorded. */
export function nativeDigest({ model, picture, seed, samples }: Replay): string | undefined {
  if (!("name" in picture) || seed !== BigInt(native.seed) || samples !== native.samples) return undefined;
  return native.predictions.find((line) => line.model === model && line.picture === picture.name)?.logitsDigest;
}

/** As many pixels as a picture of these bytes has in a row; nothing if it is no square of gray or colour. */
export function sideOf(bytes: Uint8Array): number | undefined {
  return [1, 3].map((channels) => Math.sqrt(bytes.length / channels)).find(Number.isInteger);
}

/** What a visitor sees of it. */
export async function show(canvas: HTMLCanvasElement, picture: ReplayPicture): Promise<void> {
  const side = "bytes" in picture ? sideOf(picture.bytes) : undefined;
  const pixels = "bytes" in picture ? side && toImageData(picture.bytes, side) : await load(picture);
  if (!(pixels instanceof ImageData)) return;
  canvas.width = pixels.width;
  canvas.height = pixels.height;
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
}
