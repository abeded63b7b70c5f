import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { decode } from "fast-png";

/** Root of the repository, with a slash at its end. */
export const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
/** Root of the package, with a slash at its end. */
export const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));

/** The predictions of the native command line: see scripts/native-predictions.js. */
export const native = JSON.parse(readFileSync(`${PACKAGE}tests/fixtures/native.json`, "utf8"));

/** The lines of `native` for one model. */
export const nativeOf = (model) => native.predictions.filter((line) => line.model === model);

export const modelPath = (name) => `${ROOT}models/${name}.safetensors`;

/** A shipped picture, in the form of `ImageData`. */
export function rgbaOf(picture) {
  const { width, height, channels, data } = decode(readFileSync(`${ROOT}models/pictures/${picture}`));
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const at = (channel) => data[pixel * channels + (channels < 3 ? 0 : channel)];
    rgba.set([at(0), at(1), at(2), 255], pixel * 4);
  }
  return { data: rgba, width, height };
}
