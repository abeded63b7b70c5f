import { Bayes8Error } from "./error.js";
import { isBlob, isBytes, isFloats, kindOf, shown } from "./kinds.js";
import type { Pixels, RgbaPicture } from "./pixels.js";
import { platform } from "./platform.js";
import { nameOf, PICTURE, read } from "./source.js";

/** An `HTMLCanvasElement` or `OffscreenCanvas`. */
export interface CanvasPicture {
  readonly width: number;
  readonly height: number;
  getContext(type: "2d"): unknown;
}

/** An `ImageBitmap`. */
export interface BitmapPicture {
  readonly width: number;
  readonly height: number;
  close(): void;
}

/** A loaded `HTMLImageElement`. */
export interface ImagePicture {
  readonly naturalWidth: number;
  readonly naturalHeight: number;
}

/** An `HTMLVideoElement`: the frame that it shows. */
export interface VideoPicture {
  readonly videoWidth: number;
  readonly videoHeight: number;
}

/** A `VideoFrame`. */
export interface FramePicture {
  readonly displayWidth: number;
  readonly displayHeight: number;
}

/**
 * One picture. A picture with a width and a height may have any size: it is laid over white where it is
 * transparent, converted to gray for a model with one channel, and stretched to the model's size. The bytes are
 * the same that `bayes8 predict` gets from the picture's file.
 *
 * A `Blob` or `File` holds a picture file, a `URL` or text is the address of one (in Node a path too), and bytes
 * may be a PNG or JPEG file. Which other formats can be decoded depends on the browser, in Node on the package `sharp`.
 *
 * Typed arrays have the model's shape, `[height][width][channels]` (`[depth]` first for a volume): bytes 0 to 255 as
 * `Uint8Array` or `Uint8ClampedArray`, or already normalized numbers (`info.preprocessing`) as `Float32Array`.
 *
 * A model that takes numbers (`info.values`) takes a `Float32Array` of raw numbers only, such as the features of a table.
 */
export type Picture =
  | Uint8Array
  | Uint8ClampedArray
  | Float32Array
  | RgbaPicture
  | CanvasPicture
  | BitmapPicture
  | ImagePicture
  | VideoPicture
  | FramePicture
  | Blob
  | URL
  | string;

/** A picture larger than this would fill the module's memory. */
const MOST_BYTES = 2 ** 30;

/** A copy of `picture` as it is now, since its owner may change it while samples run. Files arrive later. */
export function snapshot(picture: Picture, signal: AbortSignal): Pixels | RgbaPicture | Promise<RgbaPicture> {
  // The constructors make copies in this realm. `slice` copies nothing for Node's Buffer.
  if (isFloats(picture)) return new Float32Array(picture);
  if (isBytes(picture)) return new Uint8Array(picture);
  if (isBlob(picture)) return decode(picture);
  if (typeof picture === "string" || kindOf(picture) === "URL") return fetchPicture(picture as string | URL, signal);
  if (typeof picture !== "object" || picture === null) throw unknownPicture(picture);
  return "data" in picture ? rgba(picture) : draw(picture as Drawable);
}

function rgba(picture: RgbaPicture): RgbaPicture {
  const { data, width, height } = picture;
  if (!isBytes(data)) {
    throw new Bayes8Error(
      "invalid-input",
      `a picture's data: a Uint8ClampedArray or Uint8Array of RGBA bytes, not ${shown(data)}`,
    );
  }
  if (![width, height].every((side) => Number.isInteger(side) && side > 0)) {
    throw new Bayes8Error(
      "invalid-input",
      `a picture's width and height: integers from 1, not ${shown(width)} and ${shown(height)}`,
    );
  }
  const bytes = 4 * width * height;
  if (data.length !== bytes || bytes > MOST_BYTES) {
    throw new Bayes8Error(
      "invalid-input",
      bytes > MOST_BYTES
        ? `${width} x ${height} pixels are too many: RGBA may have 2^30 bytes`
        : `${width} x ${height} RGBA pixels need ${bytes} bytes, but data has ${data.length}`,
    );
  }
  return picture;
}

export type Drawable = CanvasPicture | BitmapPicture | ImagePicture | VideoPicture | FramePicture;

/** The pixels, at their size: a canvas scales differently in every browser, so the module scales them. */
export function draw(picture: Drawable): RgbaPicture {
  const [width, height] = sizeOf(picture);
  if (typeof width !== "number" || typeof height !== "number") throw unknownPicture(picture);
  if (!(width > 0 && height > 0)) {
    throw new Bayes8Error(
      "invalid-input",
      `a picture of ${width} x ${height} pixels: it is empty, closed, or has not loaded (await image.decode(), or a video's loadeddata event)`,
    );
  }
  if (!globalThis.OffscreenCanvas) {
    throw new Bayes8Error("unsupported", "this runtime has no canvas: give the picture as { data, width, height }");
  }
  try {
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
    context.drawImage(picture as CanvasImageSource, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  } catch (error) {
    const { name, message } = error as { name?: string; message?: string };
    const advice =
      name === "SecurityError" ? '; it comes from another origin: load it with crossorigin="anonymous", if that allows it' : "";
    throw new Bayes8Error("invalid-input", `the picture's pixels cannot be read: ${message ?? String(error)}${advice}`, error);
  }
}

async function fetchPicture(address: string | URL, signal: AbortSignal): Promise<RgbaPicture> {
  return decode(new Blob([(await read(address, { signal }, PICTURE)) as Uint8Array<ArrayBuffer>]), nameOf(address));
}

/** The pixels of a picture file. */
export async function decode(file: Blob, name = (file as { name?: string }).name ?? "the file"): Promise<RgbaPicture> {
  try {
    return await platform().decode(file);
  } catch (error) {
    if (error instanceof Bayes8Error) throw error;
    throw new Bayes8Error("invalid-input", `${name} is not a picture that can be decoded here: ${String(error)}`, error);
  }
}

/** Whether bytes are a PNG or JPEG file: the pixels of a picture never begin and end like one. */
export function isEncoded(bytes: Uint8Array): boolean {
  const text = (from: number, to?: number) => String.fromCharCode(...bytes.subarray(from, to));
  return text(0, 8) === "\x89PNG\r\n\x1a\n" || (text(0, 3) === "\xff\xd8\xff" && text(-2) === "\xff\xd9");
}

function sizeOf(picture: object): [number | undefined, number | undefined] {
  const { naturalWidth, videoWidth, displayWidth, width, naturalHeight, videoHeight, displayHeight, height } =
    picture as Record<string, number | undefined>;
  return [naturalWidth ?? videoWidth ?? displayWidth ?? width, naturalHeight ?? videoHeight ?? displayHeight ?? height];
}

function unknownPicture(value: unknown): Bayes8Error {
  return new Bayes8Error(
    "invalid-input",
    `a picture is an ImageData or { data, width, height }, a canvas, ImageBitmap, image, video or VideoFrame, a Blob or the address of a file, or a Uint8Array, Uint8ClampedArray or Float32Array, not ${shown(value)}`,
  );
}
